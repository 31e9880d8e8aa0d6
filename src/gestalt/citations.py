"""What to cite for each task, as BibTeX; every entry gives only what was checked."""

_ANALOGY = """\
@article{benaim2020structural,
  title   = {Structural Analogy from a Single Image Pair},
  author  = {Benaim, Sagie and Mokady, Ron and Bermano, Amit and Cohen-Or, Daniel and Wolf, Lior},
  journal = {Computer Graphics Forum},
  year    = {2020}
}"""

_NEAREST_PATCHES = """\
@inproceedings{granot2022drop,
  title     = {Drop the {GAN}: In Defense of Patches Nearest Neighbors as Single Image Generative Models},
  author    = {Granot, Niv and Feinstein, Ben and Shocher, Assaf and Bagon, Shai and Irani, Michal},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2022}
}"""

_PATCHMATCH = """\
@article{barnes2009patchmatch,
  title   = {{PatchMatch}: A Randomized Correspondence Algorithm for Structural Image Editing},
  author  = {Barnes, Connelly and Shechtman, Eli and Finkelstein, Adam and Goldman, Dan B},
  journal = {ACM Transactions on Graphics},
  year    = {2009}
}"""

_BIDIRECTIONAL = """\
@inproceedings{simakov2008summarizing,
  title     = {Summarizing Visual Data Using Bidirectional Similarity},
  author    = {Simakov, Denis and Caspi, Yaron and Shechtman, Eli and Irani, Michal},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2008}
}"""

_SINGAN = """\
@inproceedings{shaham2019singan,
  title     = {{SinGAN}: Learning a Generative Model from a Single Natural Image},
  author    = {Shaham, Tamar Rott and Dekel, Tali and Michaeli, Tomer},
  booktitle = {International Conference on Computer Vision (ICCV)},
  year      = {2019}
}"""

_SPACE_TIME = """\
@inproceedings{haim2022diverse,
  title     = {Diverse Generation from a Single Video Made Possible},
  author    = {Haim, Niv and Feinstein, Ben and Granot, Niv and Shocher, Assaf and Bagon, Shai and Dekel, Tali
               and Irani, Michal},
  booktitle = {European Conference on Computer Vision (ECCV)},
  year      = {2022}
}"""

_VAE_GAN = """\
@inproceedings{gur2020hierarchical,
  title     = {Hierarchical Patch {VAE-GAN}: Generating Diverse Videos from a Single Sample},
  author    = {Gur, Shir and Benaim, Sagie and Wolf, Lior},
  booktitle = {Advances in Neural Information Processing Systems (NeurIPS)},
  year      = {2020}
}"""

_NEURAL_STYLE = """\
@inproceedings{gatys2016image,
  title     = {Image Style Transfer Using Convolutional Neural Networks},
  author    = {Gatys, Leon A. and Ecker, Alexander S. and Bethge, Matthias},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2016}
}"""

_DEEP_ANALOGY = """\
@article{liao2017visual,
  title   = {Visual Attribute Transfer through Deep Image Analogy},
  author  = {Liao, Jing and Yao, Yuan and Yuan, Lu and Hua, Gang and Kang, Sing Bing},
  journal = {ACM Transactions on Graphics},
  year    = {2017}
}"""

_CYCLEGAN = """\
@inproceedings{zhu2017unpaired,
  title     = {Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks},
  author    = {Zhu, Jun-Yan and Park, Taesung and Isola, Phillip and Efros, Alexei A.},
  booktitle = {International Conference on Computer Vision (ICCV)},
  year      = {2017}
}"""

_PATCH_DISTRIBUTIONS = """\
@inproceedings{elnekave2022generating,
  title     = {Generating Natural Images with Direct Patch Distributions Matching},
  author    = {Elnekave, Ariel and Weiss, Yair},
  booktitle = {European Conference on Computer Vision (ECCV)},
  year      = {2022}
}"""

_TRANSFORMATIONS = """\
@inproceedings{sheynin2021hierarchical,
  title     = {A Hierarchical Transformation-Discriminating Generative Model for Few Shot Anomaly Detection},
  author    = {Sheynin, Shelly and Benaim, Sagie and Wolf, Lior},
  booktitle = {International Conference on Computer Vision (ICCV)},
  year      = {2021}
}"""

_PATCH_MEMORY = """\
@inproceedings{roth2022towards,
  title     = {Towards Total Recall in Industrial Anomaly Detection},
  author    = {Roth, Karsten and Pemula, Latha and Zepeda, Joaquin and Sch\\"olkopf, Bernhard and Brox, Thomas and
               Gehler, Peter},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2022}
}"""

_TURNED_COPIES = """\
@inproceedings{damm2025anomalydino,
  title     = {{AnomalyDINO}: Boosting Patch-Based Few-Shot Anomaly Detection with {DINOv2}},
  author    = {Damm, Simon and Laszkiewicz, Mike and Lederer, Johannes and Fischer, Asja},
  booktitle = {Winter Conference on Applications of Computer Vision (WACV)},
  year      = {2025}
}"""

_GRADIENTS = """\
@inproceedings{dalal2005histograms,
  title     = {Histograms of Oriented Gradients for Human Detection},
  author    = {Dalal, Navneet and Triggs, Bill},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2005}
}"""

_SPEEDNET = """\
@inproceedings{benaim2020speednet,
  title     = {{SpeedNet}: Learning the Speediness in Videos},
  author    = {Benaim, Sagie and Ephrat, Ariel and Lang, Oran and Mosseri, Inbar and Freeman, William T. and Rubinstein,
               Michael and Irani, Michal and Dekel, Tali},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2020}
}"""

_SEPARABLE_VIDEO = """\
@inproceedings{xie2018rethinking,
  title     = {Rethinking Spatiotemporal Feature Learning: Speed-Accuracy Trade-offs in Video Classification},
  author    = {Xie, Saining and Sun, Chen and Huang, Jonathan and Tu, Zhuowen and Murphy, Kevin},
  booktitle = {European Conference on Computer Vision (ECCV)},
  year      = {2018}
}"""

_DISENTANGLEMENT = """\
@inproceedings{press2019emerging,
  title     = {Emerging Disentanglement in Auto-Encoder Based Unsupervised Image Content Transfer},
  author    = {Press and Galanti and Benaim, Sagie and Wolf, Lior},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year      = {2019}
}"""

_INTERSECTION = """\
@inproceedings{benaim2019domain,
  title     = {Domain Intersection and Domain Difference},
  author    = {Benaim, Sagie and Khaitov and Galanti and Wolf, Lior},
  booktitle = {International Conference on Computer Vision (ICCV)},
  year      = {2019}
}"""

_MASK = """\
@inproceedings{mokady2020mask,
  title     = {Mask Based Unsupervised Content Transfer},
  author    = {Mokady, Ron and Benaim, Sagie and Wolf, Lior and Bermano, Amit},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year      = {2020}
}"""

_PERMUTED = """\
@inproceedings{nuriel2021permuted,
  title     = {Permuted {AdaIN}: Reducing the Bias Towards Global Statistics in Image Classification},
  author    = {Nuriel, Oren and Benaim, Sagie and Wolf, Lior},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2021}
}"""

_TEXT = """\
@inproceedings{nuriel2022textadain,
  title     = {{TextAdaIN}: Paying Attention to Shortcut Learning in Text Recognizers},
  author    = {Nuriel, Oren and Fogel, Sharon and Litman, Ron},
  booktitle = {European Conference on Computer Vision (ECCV)},
  year      = {2022}
}"""

_MIXSTYLE = """\
@inproceedings{zhou2021domain,
  title     = {Domain Generalization with {MixStyle}},
  author    = {Zhou, Kaiyang and Yang, Yongxin and Qiao, Yu and Xiang, Tao},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year      = {2021}
}"""

_CROSSNORM = """\
@inproceedings{tang2021crossnorm,
  title     = {{CrossNorm} and {SelfNorm} for Generalization under Distribution Shifts},
  author    = {Tang, Zhiqiang and Gao, Yunhe and Zhu, Yi and Zhang, Zhi and Li, Mu and Metaxas, Dimitris N.},
  booktitle = {International Conference on Computer Vision (ICCV)},
  year      = {2021}
}"""

_EXACT_MATCHING = """\
@inproceedings{zhang2022exact,
  title     = {Exact Feature Distribution Matching for Arbitrary Style Transfer and Domain Generalization},
  author    = {Zhang, Yabin and Li, Minghan and Li, Ruihuang and Jia, Kui and Zhang, Lei},
  booktitle = {Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2022}
}"""

_UNCERTAINTY = """\
@inproceedings{li2022uncertainty,
  title     = {Uncertainty Modeling for Out-of-Distribution Generalization},
  author    = {Li, Xiaotong and others},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year      = {2022}
}"""

BIBTEX: dict[str, tuple[str, ...]] = {
    "analogy": (
        *(_ANALOGY, _NEAREST_PATCHES, _PATCHMATCH, _BIDIRECTIONAL, _SINGAN, _SPACE_TIME),
        *(_NEURAL_STYLE, _DEEP_ANALOGY, _CYCLEGAN, _PATCH_DISTRIBUTIONS),
    ),
    "anomaly": (_TRANSFORMATIONS, _PATCH_MEMORY, _TURNED_COPIES, _GRADIENTS),
    "classify": (_PERMUTED, _TEXT, _MIXSTYLE, _CROSSNORM, _EXACT_MATCHING, _UNCERTAINTY),
    "generate": (_VAE_GAN, _SPACE_TIME, _NEAREST_PATCHES, _SINGAN, _PATCHMATCH, _BIDIRECTIONAL),
    "speed": (_SPEEDNET, _SEPARABLE_VIDEO),
    "transfer": (_MASK, _DISENTANGLEMENT, _INTERSECTION),
}
"""BibTeX entries of each task, the task's own paper first."""

_ANALOGY_LINES = (
    "Benaim, Mokady, Bermano, Cohen-Or, Wolf: Structural Analogy from a Single Image Pair. "
    "Computer Graphics Forum 2020.",
    "Granot, Feinstein, Shocher, Bagon, Irani: Drop the GAN: In Defense of Patches Nearest Neighbors as Single "
    "Image Generative Models. CVPR 2022.",
)

LINES: dict[str, tuple[str, ...]] = {
    "analogy": _ANALOGY_LINES,
    "analogy compare": (
        *_ANALOGY_LINES,
        "Liao, Yao, Yuan, Hua, Kang: Visual Attribute Transfer through Deep Image Analogy. SIGGRAPH 2017.",
        "Shaham, Dekel, Michaeli: SinGAN: Learning a Generative Model from a Single Natural Image. ICCV 2019.",
        "Zhu, Park, Isola, Efros: Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks. "
        "ICCV 2017.",
        "Gatys, Ecker, Bethge: Image Style Transfer Using Convolutional Neural Networks. CVPR 2016.",
        "Elnekave, Weiss: Generating Natural Images with Direct Patch Distributions Matching. ECCV 2022.",
    ),
    "anomaly": (
        "Sheynin, Benaim, Wolf: A Hierarchical Transformation-Discriminating Generative Model for Few Shot Anomaly "
        "Detection. ICCV 2021.",
        "Roth, Pemula, Zepeda, Schoelkopf, Brox, Gehler: Towards Total Recall in Industrial Anomaly Detection. "
        "CVPR 2022.",
        "Damm, Laszkiewicz, Lederer, Fischer: AnomalyDINO: Boosting Patch-Based Few-Shot Anomaly Detection with "
        "DINOv2. WACV 2025.",
    ),
    "classify": (
        "Nuriel, Benaim, Wolf: Permuted AdaIN: Reducing the Bias Towards Global Statistics in Image Classification. "
        "CVPR 2021.",
        "Zhou, Yang, Qiao, Xiang: Domain Generalization with MixStyle. ICLR 2021.",
        "Tang, Gao, Zhu, Zhang, Li, Metaxas: CrossNorm and SelfNorm for Generalization under Distribution Shifts. "
        "ICCV 2021.",
        "Zhang, Li, Li, Jia, Zhang: Exact Feature Distribution Matching for Arbitrary Style Transfer and Domain "
        "Generalization. CVPR 2022.",
        "Li and others: Uncertainty Modeling for Out-of-Distribution Generalization. ICLR 2022.",
    ),
    "generate": (
        "Gur, Benaim, Wolf: Hierarchical Patch VAE-GAN: Generating Diverse Videos from a Single Sample. NeurIPS 2020.",
        "Haim, Feinstein, Granot, Shocher, Bagon, Dekel, Irani: Diverse Generation from a Single Video Made Possible. "
        "ECCV 2022.",
        "Granot, Feinstein, Shocher, Bagon, Irani: Drop the GAN: In Defense of Patches Nearest Neighbors as Single "
        "Image Generative Models. CVPR 2022.",
        "Shaham, Dekel, Michaeli: SinGAN: Learning a Generative Model from a Single Natural Image. ICCV 2019.",
    ),
    "speed": (
        "Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel: SpeedNet: Learning the Speediness in "
        "Videos. CVPR 2020.",
        "Xie, Sun, Huang, Tu, Murphy: Rethinking Spatiotemporal Feature Learning: Speed-Accuracy Trade-offs in Video "
        "Classification. ECCV 2018.",
    ),
    "transfer": (
        "Mokady, Benaim, Wolf, Bermano: Mask Based Unsupervised Content Transfer. ICLR 2020.",
        "Press, Galanti, Benaim, Wolf: Emerging Disentanglement in Auto-Encoder Based Unsupervised Image Content "
        "Transfer. ICLR 2019.",
        "Benaim, Khaitov, Galanti, Wolf: Domain Intersection and Domain Difference. ICCV 2019.",
    ),
}
"""The same for a report's footer, one line each; a command that has lines of its own has these."""
