"""The one exception for what a user can mend: its message names the file or key, what was found and what to do."""


class PipelineError(Exception):
    """Bad input, configuration or environment; shown to the user in one or two lines without a traceback."""
