"""The working folder of the check."""

import pytest

pytest.importorskip("torch", reason="needs the extra [recipes]")

from benchmarks.gpu.setting import DONE, Setting


def test_a_working_folder_is_used_again_without_what_was_left_in_it(tmp_path):
    setting = Setting("cpu", True, tmp_path)
    setting.start_over()
    (setting.scratch / "journal").write_text("old")
    for name in ("8b", "1b"):
        assert not setting.is_prepared()
        setting.model(name).mkdir(parents=True)
        with pytest.raises(FileNotFoundError, match=f"no model {name}: it could not be made"):
            setting.made(name)
        (setting.model(name) / DONE).touch()
        setting.release.mkdir(exist_ok=True)
    setting.start_over()
    assert setting.is_prepared() and list(setting.scratch.iterdir()) == []
    assert setting.made("1b") == tmp_path / "models" / "1b"
