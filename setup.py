"""Ships what stands beside the package within it: sweeps/*.py and docs/ledger.json become atlas/_sweeps/* in a wheel.

Everything else is declared in pyproject.toml (docs/adr/0028-sweeps-in-the-wheel.md).
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = (*sorted(Path("sweeps").glob("*.py")), *Path("docs").glob("ledger.json"))
INSTALLED = Path("atlas", "_sweeps")


class BuildWithSweeps(build_py):
    """Builds the package and copies these into it; an editable install finds them where they are."""

    def run(self):
        super().run()
        for target, source in self._copies().items():
            self.mkpath(str(Path(target).parent))
            self.copy_file(source, target, preserve_mode=False)

    def get_source_files(self):
        return [*super().get_source_files(), *map(str, SHIPPED)]

    def get_outputs(self, include_bytecode=True):
        return [*super().get_outputs(include_bytecode), *self._copies()]

    def _copies(self):
        """File in the build → file in the repository."""
        if self.editable_mode:
            return {}
        return {str(Path(self.build_lib) / INSTALLED / path.name): str(path) for path in SHIPPED}


setup(cmdclass={"build_py": BuildWithSweeps})
