"""Git: the config repo, and the source repos that images are built from."""

import os

# A Git that is missing is told where it is needed, not where GitPython is imported.
os.environ["GIT_PYTHON_REFRESH"] = "quiet"

# What a hook that runs this process leaves behind (`git rev-parse --local-env-vars`) means another repo, and
# GitPython adds to the environment but takes nothing out of it.
for _name in (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
):
    os.environ.pop(_name, None)
