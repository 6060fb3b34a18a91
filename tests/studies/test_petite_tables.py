"""The printed tables, checked against each other and against what the library has; and our tables beside them."""

import pandas as pd
import pytest

from petrecon.paths import data_dir
from petrecon.peft import mixes, paper_counts
from petrecon.projectors import load_scanner
from petrecon.studies import petite_tables


@pytest.fixture(scope="module")
def published():
    return {k: pd.read_csv(data_dir() / "paper" / f"petite-table-{k}.csv") for k in range(1, 8)}


@pytest.mark.parametrize("network", ["cvt-gan", "unetr"])
def test_printed_percentages_are_those_that_the_counts_are_compared_with(published, network):
    number = {"cvt-gan": 6, "unetr": 7}[network]
    one = published[1].query("network == @network").set_index("method").per_cent
    mixed = published[number].set_index("mix").per_cent
    expected = {name: percent for name, (_, percent) in paper_counts(network).items() if percent is not None}
    assert {**one.dropna(), **mixed} == expected


def test_the_tables_have_all_their_rows(published):
    assert [len(published[k]) for k in range(1, 8)] == [18, 18, 5, 18, 16, 12, 9]
    for number, network in ((6, "cvt-gan"), (7, "unetr")):
        assert set(published[number].mix) == set(mixes(network))
        assert list(published[number].number) == list(range(1, len(published[number]) + 1))


def test_rows_printed_twice_are_the_same_where_the_paper_agrees_with_itself(published):
    """PETITE stands in Tables 1, 2 and 6 or 7; the CVT-GAN rows of Table 2 repeat Table 1."""
    scores = ["per_cent", "psnr_db", "ssim", "nrmse"]
    one = published[1].set_index(["network", "method"])[scores]
    two = published[2].set_index(["network", "method", "bitfit"])[scores].sort_index()
    for network, number, best in (("cvt-gan", 6, "vpt->lora"), ("unetr", 7, "lora->ssf")):
        assert list(one.loc[network, "petite"]) == list(published[number].set_index("mix").loc[best, scores])
        assert list(one.loc[network, "petite"]) == list(two.loc[network, "PETITE", "yes"])
        assert list(one.loc[network, "bitfit"]) == list(two.loc[network, "BitFit", "no"])
    assert list(one.loc["cvt-gan", "vpt"]) == list(two.loc["cvt-gan", "VPT", "no"])
    assert one.loc["unetr", "full-ft"].psnr_db == two.loc["unetr", "Full-FT", "no"].psnr_db == 31.746


def test_the_nrmse_is_never_below_what_the_psnr_allows(published):
    """Jensen: the mean of 10^(-PSNR/20) is at least that of the mean PSNR; a digit typed wrong would break it."""
    for number in (1, 2, 6, 7):
        excess = petite_tables.nrmse_excess(published[number])
        assert excess.min() > 0.04
        assert excess.max() < 0.55
    assert int((petite_tables.nrmse_excess(published[6]) > 0.2).sum()) == 5


def test_ssim_is_a_fraction_and_cost_falls_with_fewer_parameters(published):
    assert all(published[k].ssim.between(0.75, 0.95).all() for k in (1, 2, 6, 7))
    for _, rows in published[5].groupby("network"):
        full = rows.set_index("method").loc["full-ft"]
        assert (full.time_s, full.memory_mb) in {(450, 8430), (580, 8430)}
        assert (rows.time_s <= full.time_s).all()


def test_the_cards_have_the_grids_of_table_3_but_for_the_stand_in(published):
    table = petite_tables.scanners_table(published[3]).set_index("our card")
    same = table["grid"] == table["our grid"]
    assert list(same.index[~same]) == ["biograph-mmr"]
    for row, name in zip(published[3].itertuples(), petite_tables.CARDS, strict=True):
        voxel = load_scanner(name).coarsened("paper", 3).voxel_mm
        if name != "biograph-mmr":
            assert voxel == pytest.approx((row.voxel_x_mm, row.voxel_y_mm, row.voxel_z_mm), abs=1e-5)


def test_our_counts_stand_beside_the_printed_per_cent(published):
    """Trained parameters of the dossier; Full-FT is all of the network."""
    table = petite_tables.counts_table(published[1]).set_index("method")
    assert dict(table["UNETR"][["LayerNorm", "BitFit", "SSF", "VPT"]]) == {
        "LayerNorm": 38_400, "BitFit": 75_265, "SSF": 205_824, "VPT": 38_400,
    }  # fmt: skip
    assert dict(table["CVT-GAN"][["LayerNorm", "Adapters", "SSF", "VPT"]]) == {
        "LayerNorm": 11_776, "Adapters": 207_392, "SSF": 45_056, "VPT": 6_144,
    }  # fmt: skip
    assert table.loc["Full-FT", "CVT-GAN"] == 28_715_681
    assert table.loc["PETITE", "CVT-GAN, paper (%)"] == 0.32
    assert pd.isna(table.loc["No-FT", "UNETR, paper (%)"])


def test_21_mixes_are_feasible_and_3_are_refused_for_the_same_reason(published):
    table = petite_tables.mixes_table({"CVT-GAN": published[6], "UNETR": published[7]})
    assert dict(table["network"].value_counts()) == {"CVT-GAN": 12, "UNETR": 9}
    row = table[(table["network"] == "UNETR") & (table["encoder → decoder"] == "VPT → SSF")].iloc[0]
    assert (row["parameters"], row["paper (%)"]) == (113_793, 0.11)
    refused = petite_tables.infeasible_table()
    assert list(refused["encoder → decoder"]) == ["LoRA → VPT", "Adapters → VPT", "SSF → VPT"]
    assert set(refused["network"]) == {"UNETR"}
    assert all("no sequence of tokens" in reason for reason in refused["why not"])


def test_table_4_stands_beside_our_number_of_steps(published):
    """A network that is not adapted has the settings of pre-training."""
    table = petite_tables.settings_table(published[4])
    assert len(table) == len(published[4])
    assert list(table[table["method"] == "No-FT"]["our steps"]) == [750, 1000]


def test_contradictions_are_contradictions(published):
    table = petite_tables.contradictions_table(published[1], published[2], published[7])
    told = dict(list(table.groupby("they")))
    assert set(told) == {"should agree", "should differ", "should grow"}
    assert (told["should agree"]["first"] != told["should agree"]["second"]).all()
    assert (told["should differ"]["first"] == told["should differ"]["second"]).all()
    assert (told["should grow"]["first"] > told["should grow"]["second"]).all()
