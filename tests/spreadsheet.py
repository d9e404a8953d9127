"""A spreadsheet program, where there is one: LibreOffice without a window. And what such a program wrote."""

import shutil
import subprocess
from pathlib import Path

import pytest

# Way of saving -> separator, quotes and encoding, as LibreOffice's filter of CSV numbers them.
WAYS = {"UTF-8": "44,34,76", "CP949": "44,34,62", "EUC-KR": "44,34,79", "semicolons": "59,34,76", "tabs in UTF-16": "9,34,65535"}  # fmt: skip
# Questions whose ids are digits, with a zero in front, or with an e; and what a spreadsheet makes of these.
IDS = {
    "질문 2202은?": ("5660783833583047", ("5660783833583050", "5660783833583040", "5.66078E+15", "5.66E+15")),
    "질문 26182은?": ("0445523020054713", ("445523020054713", "4.45523E+14")),
    "질문 130951은?": ("0e24865248841673", ("0", "0.00E+00")),
    "질문 1692은?": ("1314112980257e78", ("1.314112980257E+090", "1.31E+90")),
    "질문 5080은?": ("3877183e74166135", ("3877183e74166135", "1.79769313486232E+308")),
}


def through_spreadsheet(path: Path, folder: Path, way: str) -> Path:
    """A CSV file as it is after somebody opened it, saved a workbook, opened that, and saved CSV in one of `WAYS`."""
    program = shutil.which("soffice")
    if program is None:
        pytest.skip("no LibreOffice on this machine (soffice)")
    call = [program, "--headless", "--norestore", f"-env:UserInstallation={(folder / 'profile').as_uri()}"]
    book, out = folder / "book", folder / "out"
    # Korean, dates and numbers are looked for, as in Excel.
    reads = "--infilter=CSV:44,34,76,1,,1042,false,true,false"
    saves = f"csv:Text - txt - csv (StarCalc):{WAYS[way]},1,,1042,false,true,false"
    for told, to, given in (
        ([reads], ("xlsx", book), path),
        ([], (saves, out), book / path.with_suffix(".xlsx").name),
    ):
        subprocess.run([*call, *told, "--convert-to", to[0], "--outdir", to[1], given], check=True, timeout=180, capture_output=True)  # fmt: skip
    return out / path.name
