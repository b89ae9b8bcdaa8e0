"""The pushed model under other people's servers: `PYTHONPATH=tests python -m other_servers`.

`by_triton` and `by_kserve` run in environments of their own, without this project: what they import of it is
this folder.
"""
