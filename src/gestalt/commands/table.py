"""The one table of the command line: from noun and verb to the module that does it; imports none of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Maker:
    """A command that makes a run folder: `function(job)` of `module`, its inputs, and a recipe per engine."""

    summary: str
    module: str
    function: str
    inputs: str
    recipes: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Teller:
    """A command that only looks things up and prints: `function(arguments)` of `module`."""

    summary: str
    module: str
    function: str
    arguments: str


COMMANDS: dict[str, Maker | Teller] = {
    "demo": Maker(
        summary="every task on drawn samples, with a report",
        module="gestalt.commands.demo",
        function="make",
        inputs="Nothing",
        recipes={"patch": "gestalt.studies.config:demo"},
    ),
    "analogy make": Maker(
        summary="B's appearance in A's arrangement, and the reverse",
        module="gestalt.commands.analogy",
        function="make",
        inputs="Pair",
        recipes={"patch": "gestalt.recipes:analogy_patch", "pair": "gestalt.recipes:analogy_pair"},
    ),
    "analogy apply": Maker(
        summary="a new picture, by a pair network already trained",
        module="gestalt.commands.analogy",
        function="apply",
        inputs="Trained",
        recipes={"pair": "gestalt.recipes:analogy_apply"},
    ),
    "analogy video": Maker(
        summary="a clip with the look of a picture or of another clip",
        module="gestalt.commands.analogy",
        function="video",
        inputs="Clip",
        recipes={"patch": "gestalt.recipes:analogy_patch", "pair": "gestalt.recipes:analogy_pair"},
    ),
    "analogy compare": Maker(
        summary="one pair by every method, side by side: a sheet and a table",
        module="gestalt.commands.analogy",
        function="compare",
        inputs="Compared",
        recipes={"all": "gestalt.studies.config:compare"},
    ),
    "generate make": Maker(
        summary="new pictures or clips that look like one",
        module="gestalt.commands.generate",
        function="make",
        inputs="Input",
        recipes={
            "patch": "gestalt.recipes:generate_patch",
            "vaegan": "gestalt.recipes:generate_vaegan",
            "singan": "gestalt.recipes:generate_singan",
        },
    ),
    "generate sample": Maker(
        summary="more samples, of any size, by a model already trained",
        module="gestalt.commands.generate",
        function="sample",
        inputs="Trained",
        recipes={"trained": "gestalt.recipes:generate_sample"},
    ),
    "generate edit": Maker(
        summary="a picture with the details of what a model was trained on",
        module="gestalt.commands.generate",
        function="edit",
        inputs="Edited",
        recipes={"trained": "gestalt.recipes:generate_edit"},
    ),
    "generate retarget": Maker(
        summary="a picture or clip at another size or length, nothing stretched",
        module="gestalt.commands.generate",
        function="make",
        inputs="Input",
        recipes={"patch": "gestalt.recipes:generate_retarget"},
    ),
    "generate inpaint": Maker(
        summary="holes of a picture or clip filled",
        module="gestalt.commands.generate",
        function="inpaint",
        inputs="Holed",
        recipes={"patch": "gestalt.recipes:generate_inpaint"},
    ),
    "generate collage": Maker(
        summary="several pictures or clips grown into one",
        module="gestalt.commands.generate",
        function="collage",
        inputs="Several",
        recipes={"patch": "gestalt.recipes:generate_collage"},
    ),
    "anomaly fit": Maker(
        summary="learn from a few good pictures what is good",
        module="gestalt.commands.anomaly",
        function="fit",
        inputs="Good",
        recipes={
            "patch": "gestalt.recipes:anomaly_patch",
            "transforms": "gestalt.recipes:anomaly_transforms",
            "fused": "gestalt.recipes:anomaly_fused",
        },
    ),
    "anomaly score": Maker(
        summary="say of pictures whether they are anomalous, and where",
        module="gestalt.commands.anomaly",
        function="score",
        inputs="Judged",
        recipes={"patch": "gestalt.recipes:anomaly_score"},
    ),
    "anomaly test": Maker(
        summary="measure on a data set how well defects are found",
        module="gestalt.commands.anomaly",
        function="test",
        inputs="DataSet",
        recipes={"patch": "gestalt.recipes:anomaly_test"},
    ),
    "speed train": Maker(
        summary="learn to tell normal from sped-up, of videos or drawn motion",
        module="gestalt.commands.speed",
        function="train",
        inputs="Videos",
        recipes={"speednet": "gestalt.recipes:speed_train"},
    ),
    "speed predict": Maker(
        summary="how sped-up a video looks over time",
        module="gestalt.commands.speed",
        function="predict",
        inputs="Watched",
        recipes={"speednet": "gestalt.recipes:speed_predict"},
    ),
    "speed adapt": Maker(
        summary="a video made shorter, faster where it stays natural",
        module="gestalt.commands.speed",
        function="adapt",
        inputs="Adapted",
        recipes={"speednet": "gestalt.recipes:speed_adapt"},
    ),
    "speed map": Maker(
        summary="where in the picture a video looks slowed",
        module="gestalt.commands.speed",
        function="map",
        inputs="Watched",
        recipes={"speednet": "gestalt.recipes:speed_map"},
    ),
    "speed retrieve": Maker(
        summary="what moves like a video, in a folder or later in the video",
        module="gestalt.commands.speed_search",
        function="retrieve",
        inputs="Searched",
        recipes={"speednet": "gestalt.recipes:speed_retrieve"},
    ),
    "speed finetune": Maker(
        summary="learn to name actions, and say how well it is done",
        module="gestalt.commands.speed_search",
        function="finetune",
        inputs="DataSet",
        recipes={"speednet": "gestalt.recipes:speed_finetune"},
    ),
    "transfer fit": Maker(
        summary="learn what one folder of pictures has and another lacks",
        module="gestalt.commands.transfer",
        function="fit",
        inputs="Sides",
        recipes={
            "mask": "gestalt.recipes:transfer_mask",
            "disentangle": "gestalt.recipes:transfer_disentangle",
            "intersection": "gestalt.recipes:transfer_intersection",
        },
    ),
    "transfer add": Maker(
        summary="pictures with the glasses, or whatever it is, of others",
        module="gestalt.commands.transfer",
        function="add",
        inputs="Guided",
        recipes={"trained": "gestalt.recipes:transfer_give"},
    ),
    "transfer swap": Maker(
        summary="pictures with those of others for their own",
        module="gestalt.commands.transfer",
        function="swap",
        inputs="Guided",
        recipes={"trained": "gestalt.recipes:transfer_give"},
    ),
    "transfer remove": Maker(
        summary="pictures without them",
        module="gestalt.commands.transfer",
        function="remove",
        inputs="Edited",
        recipes={"trained": "gestalt.recipes:transfer_remove"},
    ),
    "transfer segment": Maker(
        summary="where in pictures they are",
        module="gestalt.commands.transfer",
        function="segment",
        inputs="Edited",
        recipes={"trained": "gestalt.recipes:transfer_segment"},
    ),
    "transfer grid": Maker(
        summary="many pictures with those of many others, in one grid",
        module="gestalt.commands.transfer",
        function="grid",
        inputs="Guided",
        recipes={"trained": "gestalt.recipes:transfer_grid"},
    ),
    "transfer between": Maker(
        summary="pictures on the way from one to another",
        module="gestalt.commands.transfer",
        function="between",
        inputs="Way",
        recipes={"trained": "gestalt.recipes:transfer_between"},
    ),
    "transfer compose": Maker(
        summary="a face with what two pictures of two sides have",
        module="gestalt.commands.transfer",
        function="compose",
        inputs="Composed",
        recipes={"trained": "gestalt.recipes:transfer_compose"},
    ),
    "transfer test": Maker(
        summary="measure how well it is done, on drawn faces or held-out pictures",
        module="gestalt.commands.transfer",
        function="test",
        inputs="Tested",
        recipes={
            "mask": "gestalt.recipes:transfer_test",
            "disentangle": "gestalt.recipes:transfer_test",
            "intersection": "gestalt.recipes:transfer_test",
        },
    ),
    "classify train": Maker(
        summary="learn to tell classes with less regard to global statistics",
        module="gestalt.commands.classify",
        function="train",
        inputs="Data",
        recipes={"trained": "gestalt.recipes_classify:classify_train"},
    ),
    "classify test": Maker(
        summary="measure a classifier, by domain and under corruptions",
        module="gestalt.commands.classify",
        function="test",
        inputs="Tested",
        recipes={"trained": "gestalt.recipes_classify:classify_test"},
    ),
    "classify adapt": Maker(
        summary="learn from a labelled source for a target without labels",
        module="gestalt.commands.classify",
        function="adapt",
        inputs="Sides",
        recipes={"trained": "gestalt.recipes_classify:classify_adapt"},
    ),
    "study vae-levels": Maker(
        summary="quality and diversity over the number of VAE levels",
        module="gestalt.commands.study",
        function="vae_levels",
        inputs="Input",
        recipes={"vaegan": "gestalt.studies.config:vae_levels"},
    ),
    "resume": Teller(
        summary="go on with a run that was stopped", module="gestalt.cli", function="resume", arguments="Resume"
    ),
    "report": Teller(
        summary="write a run's report.html again",
        module="gestalt.commands.runs",
        function="write_report",
        arguments="Report",
    ),
    "export": Teller(
        summary="what a run has learned as one file for other programs",
        module="gestalt.commands.export",
        function="export",
        arguments="Export",
    ),
    "runs": Teller(
        summary="list the runs in a folder", module="gestalt.commands.runs", function="runs", arguments="Runs"
    ),
    "cite": Teller(
        summary="what to cite, as BibTeX", module="gestalt.commands.runs", function="cite", arguments="Cite"
    ),
}
