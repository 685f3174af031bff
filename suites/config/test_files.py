"""Is every configuration file valid by itself?"""

from gonogo.documents import DocumentError
from gonogo.plugin import check, expect_none
from gonogo.probes.files import Files
from gonogo.rules.schemas import violations_of
from gonogo.targets.files import ConfigFile


@check("config.file.schema", severity="critical", covers=["D1"], permission="static", smoke=True)
def test_file_schema(config_file: ConfigFile, files: Files) -> None:
    """The configuration file can be read, is valid against its schema, and no key is misspelt."""
    try:
        problems = violations_of(config_file.kind, files.documents(config_file))
    except DocumentError as error:
        problems = error.problems
    expect_none(problems)
