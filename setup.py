"""Ships the sweeps, which stand beside the package, within it: sweeps/*.py become atlas/_sweeps/*.py in a wheel.

Everything else is declared in pyproject.toml (docs/adr/0028-sweeps-in-the-wheel.md).
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SWEEPS = Path("sweeps")
INSTALLED = Path("atlas", "_sweeps")


class BuildWithSweeps(build_py):
    """Builds the package and copies the sweeps into it; an editable install finds them where they are."""

    def run(self):
        super().run()
        for target, source in self._copies().items():
            self.mkpath(str(Path(target).parent))
            self.copy_file(source, target, preserve_mode=False)

    def get_source_files(self):
        return [*super().get_source_files(), *map(str, sorted(SWEEPS.glob("*.py")))]

    def get_outputs(self, include_bytecode=True):
        return [*super().get_outputs(include_bytecode), *self._copies()]

    def _copies(self):
        """File in the build → file in the repository."""
        if self.editable_mode:
            return {}
        return {str(Path(self.build_lib) / INSTALLED / path.name): str(path) for path in sorted(SWEEPS.glob("*.py"))}


setup(cmdclass={"build_py": BuildWithSweeps})
