"""What an engine knows of a build before its first step, with nothing built: warnings, the context, what a Dockerfile takes, its variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dockerlab.errors import BuildError, DockerfileError, DockerlabError

if TYPE_CHECKING:
    from dockerlab.build import Builder, BuildRequest
    from dockerlab.build.context_report import ContextReport
    from dockerlab.build.outline import Offer, Outline
    from dockerlab.build.variables import Timeline
    from dockerlab.dockerfile.checks import BuildCheck
    from dockerlab.engine.specs import BuildOptions
    from dockerlab.store import Store


class Foresight:
    """The methods of an engine on a store that only look (see `Engine` for what each does)."""

    store: Store

    @property
    def builder(self) -> Builder:
        """Has the digests of files, and finds base images."""
        raise NotImplementedError

    def check(self, options: BuildOptions) -> tuple[str, str, list[BuildCheck], DockerlabError | None]:
        """`build --check`: (the Dockerfile's text, its name, warnings, the error at which looking stopped)."""
        from dockerlab.build.dry import examine
        from dockerlab.engine.building import request_of, source_of, without_store

        with self.store.tmp() as scratch:
            options = without_store(options, self.store)
            try:
                text, name, context = source_of(options, scratch)
            except BuildError as error:
                return options.dockerfile_text or "", os.path.basename(options.dockerfile) or "Dockerfile", [], error
            try:
                request = request_of(options, text, name, context)
            except DockerfileError as error:
                return text, name, _before(text, error.line, options), error
            found = examine(request, self.builder.resolve, only_check=True)
            return text, name, found.warnings, found.error

    def context_report(self, options: BuildOptions) -> ContextReport:
        """`dockerlab context PATH`. BuildError, UsageError for a context that is not there; a Dockerfile that is not there, or wrong, says nothing."""
        from dockerlab.build import BuildContext
        from dockerlab.build.context_report import report
        from dockerlab.dockerfile import parse
        from dockerlab.engine.building import source_of, without_store

        with self.store.tmp() as scratch:
            options = without_store(options, self.store)
            try:
                text, name, context = source_of(options, scratch)
                dockerfile = parse(text, name)
            except (BuildError, DockerfileError):
                if options.dockerfile:
                    raise
                assert isinstance(options.context, str)
                context, dockerfile = BuildContext.of_folder(options.context, "", options.exclude), None
            return report(context, dockerfile)

    def targets(self, options: BuildOptions) -> tuple[str, list[Offer]]:
        """`build --call targets`: (the Dockerfile's text, its stages)."""
        from dockerlab.build import outline
        from dockerlab.dockerfile import parse
        from dockerlab.engine.building import source_of, without_store

        with self.store.tmp() as scratch:
            text, name, _ = source_of(without_store(options, self.store), scratch)
        return text, outline.targets(parse(text, name))

    def outline(self, options: BuildOptions) -> tuple[str, Outline]:
        """`build --call outline`: (the Dockerfile's text, what its target takes)."""
        from dockerlab.build import outline

        text, request = self._read(options)
        try:
            return text, outline.outline(request.plan(), request.platform)
        except ValueError as error:
            raise BuildError(str(error)) from None

    def variables(self, options: BuildOptions) -> Timeline:
        """`%variables`: what ARG and ENV are worth at each line, in the container, in the history."""
        from dockerlab.build.failures import placed
        from dockerlab.build.variables import timeline

        _, request = self._read(options)
        try:
            return timeline(request.plan(), self.builder.resolve, request.build_args.keys())
        except BuildError as error:
            raise placed(error, request.dockerfile) from None

    def _read(self, options: BuildOptions) -> tuple[str, BuildRequest]:
        from dockerlab.engine.building import request_of, source_of, without_store

        with self.store.tmp() as scratch:
            options = without_store(options, self.store)
            text, name, context = source_of(options, scratch)
            return text, request_of(options, text, name, context)


def _before(text: str, line: int, options: BuildOptions) -> list[BuildCheck]:
    """The warnings of a file that can't be read beyond a line."""
    from dockerlab.dockerfile.checks import CheckOptions, warnings_before
    from dockerlab.dockerfile.parser import directives_of

    try:
        return CheckOptions.of(directives_of(text), options.build_args.get("BUILDKIT_DOCKERFILE_CHECK")).kept(warnings_before(text, line))
    except ValueError:
        return []
