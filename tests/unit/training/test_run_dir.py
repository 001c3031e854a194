from fau_tf.training.run_dir import parts_holding


def test_seeds_and_folds_are_listed_in_order_of_their_numbers(tmp_path):
    folders = ("fold2", "fold10", "seed1/fold1", "seed11", "figures", "seed1/other")
    for name in (".", *folders):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "best.keras").touch()
    (tmp_path / "seed3").mkdir()  # not finished
    found = [one.relative_to(tmp_path).as_posix() for one in parts_holding(tmp_path, "best.keras")]
    assert found == ["seed1/fold1", "fold2", "fold10", "seed11"]
