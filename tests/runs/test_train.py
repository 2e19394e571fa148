

def test_a_run_directory_that_exists_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(AAEError, match="exists already"):
        train_preset("vae", tmp_path / "missing.csv", out=tmp_path)
