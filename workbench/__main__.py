"""Run the command line with `python -m workbench`, the same as the command `workbench`."""

from workbench.cli import app

if __name__ == "__main__":
    app(prog_name="workbench")
