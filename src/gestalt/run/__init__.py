"""What every long job needs: a run folder, exact resume, progress, devices and a report.

- `folder`: `Run`, what a task is handed; `service`: `NullRun`, the same doing nothing.
- `record`: `Plan` and run.json, what a run was asked to do and how it stands.
- `listing`: finding runs and naming new ones; `room`, `lock`: whose folder it is.
- `checkpoint`: the state of one loop, and weight files.
- `journal`, `index`: metrics.jsonl and outputs/index.json.
- `progress`, `stop`: the live line, and stopping politely.
- `report`, with `pictures` and `curves`: one self-contained page about a run.
- `threads`, `device`: how many cores, which device.

Only `checkpoint` and `device` import torch.
"""
