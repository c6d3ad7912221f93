"""What becomes of a row: by its name, its price, and what the catalogue knows."""

import json
from decimal import Decimal

import pytest

from app.catalogue.chain import check
from app.catalogue.history import prices_at
from app.catalogue.imports.judge import EVERY_ROW
from app.catalogue.imports.profiles import Profile
from app.database import Database
from tests.catalogue.imports.shelf import PRICES, TODAY, imported, judged

HEAD = "Artikel,Preis\n"
CARDS = "name,price,chipset,memory,core_clock,boost_clock,color,length\n"
KITS = "name,price,speed,modules,price_per_gb,color,first_word_latency,cas_latency\n"
DRIVES = "name,price,capacity,price_per_gb,type,cache,form_factor,interface\n"
UNDATED = Profile(observed_on=TODAY)


def one(database: Database, text: str, profile: Profile = PRICES) -> tuple[str, str, str]:
    """Verdict, item and reason of the only row."""
    (found,) = judged(database, text, profile)
    return found.verdict, found.item, found.reason


@pytest.mark.parametrize("name", ["GeForce RTX 3090", "NVIDIA GeForce RTX 3090", "rtx 3090", "RTX3090", "rtx-3090", "Ampere flagship"])
def test_an_item_is_found_by_id_alias_or_exactly_its_name(shelf: Database, name: str) -> None:
    assert one(shelf, f"{HEAD}{name},850\n") == ("changed", "rtx-3090", "")


@pytest.mark.parametrize(
    ("name", "verdict"), [("RTX 3090 Ti", "ambiguous"), ("A100", "ambiguous"), ("A100 80GB", "ambiguous"), ("GTX 9", "rejected")]
)
def test_an_item_is_never_priced_on_likeness(shelf: Database, name: str, verdict: str) -> None:
    found = one(shelf, f"{HEAD}{name},850\n")
    assert found[:2] == (verdict, "")


def test_what_is_alike_is_named(shelf: Database) -> None:
    assert "A100 PCIe 80GB (a100-pcie), A100 SXM4 80GB (a100-sxm)" in one(shelf, f"{HEAD}A100 80GB,9000\n")[2]


@pytest.mark.parametrize(
    ("amount", "verdict", "reason"),
    [
        ("0", "rejected", "must be above zero"),
        ("-1.00", "rejected", "must be above zero"),
        ("90", "confirm", "-90 % since 2026-11-01 ($900): a slipped decimal mark?"),
        ("1300", "confirm", "+44 %"),
        ("1259", "changed", ""),
        ("850.005", "rejected", "more decimals than USD has"),
        ("cheap", "rejected", "not an amount"),
        ("1e9", "rejected", "not an amount"),
        ("", "skipped", "no price"),
        ("850 ZWL", "rejected", "'ZWL'"),
    ],
)
def test_a_price_has_to_be_believable(shelf: Database, amount: str, verdict: str, reason: str) -> None:
    profile = PRICES.model_copy(update={"constants": {} if "ZWL" in amount else PRICES.constants})
    found = one(shelf, f"{HEAD}rtx-3090,{amount}\n", profile)
    assert found[0] == verdict
    assert reason in found[2]


def test_a_price_needs_a_currency_and_a_day_that_is_not_to_come(shelf: Database) -> None:
    no_currency = PRICES.model_copy(update={"constants": {}})
    assert "currency is missing" in one(shelf, f"{HEAD}rtx-3090,850\n", no_currency)[2]
    dated = PRICES.model_copy(update={"columns": {**PRICES.columns, "observed_on": "Tag"}})
    assert "in the future" in one(shelf, "Artikel,Preis,Tag\nrtx-3090,850,2026-11-22\n", dated)[2]


def test_amounts_are_read_as_they_are_written(shelf: Database) -> None:
    german = PRICES.model_copy(update={"constants": {"decimal": ","}})
    (found,) = judged(shelf, 'Artikel,Preis\nrtx-3090,"1.099,50 €"\n', german)
    assert found.price is not None
    assert (found.price.amount, found.price.currency) == (Decimal("1099.50"), "EUR")


def test_the_price_of_one_module_for_a_kit_is_asked_about(shelf: Database) -> None:
    assert "one module for that of a kit of 2" in one(shelf, f"{HEAD}kit,180\n")[2]


def test_gigabytes_for_terabytes_are_noticed(shelf: Database) -> None:
    off = f"{DRIVES}New Thing,99.00,2,,SSD,,M.2-2280,M.2 PCIe 4.0 X4\n"
    assert "are GB and TB mixed up?" in one(shelf, off, UNDATED)[2]
    contradictory = f"{DRIVES}New Thing,99.00,2,0.05,SSD,,M.2-2280,M.2 PCIe 4.0 X4\n"
    assert "slip of GB and TB" in one(shelf, contradictory, UNDATED)[2]
    kit = f'{KITS}G.Skill Trident Z5 64 GB,99.99,"5,6000","1,32",3.125,Black,10,30\n'
    assert "one the kit and the other a module" in one(shelf, kit, UNDATED)[2]


def test_a_jump_is_recorded_only_when_somebody_confirms_its_line(shelf: Database) -> None:
    text = f"{HEAD}rtx-3090,90\nrtx-3060-12gb,30\n"
    assert imported(shelf, text).revision is None
    assert [found.verdict for found in judged(shelf, text, accepted={3})] == ["confirm", "changed"]
    assert imported(shelf, text, accepted=EVERY_ROW).revision == 2


def test_a_card_is_known_by_chipset_and_memory(shelf: Database) -> None:
    found = judged(shelf, f"{CARDS}MSI Ventus,299.97,GeForce RTX 3060,12,1320,1777,Black,235\nMSI,200,GeForce RTX 3060,8,1,1,,\n", UNDATED)
    assert [(row.verdict, row.item) for row in found] == [("changed", "rtx-3060-12gb"), ("rejected", "")]


def test_a_drive_is_a_new_item_only_where_the_row_determines_it(shelf: Database) -> None:
    text = (
        f"{DRIVES}Samsung 990 Pro,179.99,2000,0.09,SSD,2048,M.2-2280,M.2 PCIe 4.0 X4\n"
        "Crucial T500,69.98,1000,0.07,SSD,,M.2-2280,M.2 PCIe 4.0 X4\n"
        "Old One,69.98,1000,0.07,SSD,,M.2-2280,M.2 SATA\n"
        "Seagate Exos,300,16000,0.019,7200,256,3.5,SATA 6.0 Gb/s\n"
    )
    found = judged(shelf, text, UNDATED)
    assert [(row.verdict, row.item) for row in found] == [
        ("changed", "samsung-990-pro-2tb"), ("new", "crucial-t500-1tb-ssd-m2"),
        ("rejected", ""), ("new", "seagate-exos-16tb-hdd-sata-7200"),
    ]  # fmt: skip
    assert found[3].new_item is not None
    assert found[3].new_item.spec.model_dump()["grade"] == "enterprise"


def test_memory_is_a_new_item_only_where_its_line_is_desktop_memory(shelf: Database) -> None:
    text = (
        f'{KITS}Corsair Vengeance 32 GB,350,"5,6000","2,16",10.9,Black,10,30\n'
        'Corsair Vengeance 32 GB,350,"5,6000","2,16",10.9,Black,10,36\n'
        'Corsair Vengeance RGB 32 GB,350,"5,6000","2,16",10.9,Black,10,36\n'
        'Corsair Vengeance RGB 32 GB,99,"3,1600","2,16",3.09,Black,10,9\n'
    )
    found = judged(shelf, text, UNDATED)
    assert [(row.verdict, row.item) for row in found] == [
        ("changed", "kit"), ("ambiguous", ""), ("new", "corsair-vengeance-rgb-32-gb-ddr5-6000-2x16gb-cl36"), ("rejected", ""),
    ]  # fmt: skip


def test_one_row_saying_another_price_of_the_same_is_left_to_a_person(shelf: Database) -> None:
    found = judged(shelf, f"{HEAD}rtx-3090,850\nGeForce RTX 3090,860\nrtx 3090,850\n")
    assert [row.verdict for row in found] == ["changed", "ambiguous", "unchanged"]
    assert "line 2 says something else" in found[1].reason


def test_a_processor_alone_is_no_machine(shelf: Database) -> None:
    text = (
        "name,price,core_count,core_clock,boost_clock,microarchitecture,tdp,graphics\nAMD Ryzen 9 9950X,500,16,4.3,5.7,Zen 5,170,Radeon\n"
    )
    assert "platforms as a whole" in one(shelf, text, UNDATED)[2]


def test_an_offer_names_its_provider_and_a_gpu_of_the_catalogue(shelf: Database) -> None:
    text = (
        "instance_name,location,price,cpu,memory,gpu_count,gpu_name,gpu_memory,spot,disk_size\n"
        "h-1,eu,2.4991,26,200,1,H100,80,False,\na-1,eu,1.10,26,200,8,A100,80,True,\nc-1,eu,0.1,4,8,0,,,False,\n"
    )
    assert "provider=Lambda" in judged(shelf, text, UNDATED)[0].reason
    found = judged(shelf, text, UNDATED.model_copy(update={"constants": {"provider": "Lambda"}}))
    assert [(row.verdict, row.item) for row in found] == [("new", "lambda-h100-1-on-demand-eu-h-1"), ("ambiguous", ""), ("rejected", "")]
    assert found[0].price is not None
    assert (str(found[0].price.amount), found[0].price.note) == ("2.50", "2.4991 per hour, rounded to cents")


def test_skypilot_offers_are_two_where_a_spot_price_is_told(shelf: Database) -> None:
    text = (
        "InstanceType,vCPUs,MemoryGiB,AcceleratorName,AcceleratorCount,GpuInfo,Region,Price,SpotPrice\n"
        "gpu_1x_h100,26.0,200.0,H100,1.0,\"{'Gpus': [{'Name': 'H100', 'MemoryInfo': {'SizeInMiB': 81920}}]}\",us-east,2.49,1.19\n"
    )
    found = judged(shelf, text, UNDATED.model_copy(update={"constants": {"provider": "Lambda"}}))
    assert [(row.verdict, row.would_be.split()[0]) for row in found] == [("new", "$2.49"), ("new", "$1.19")]


def test_reference_rates_are_read_from_csv_and_xml_alike(shelf: Database) -> None:
    table = "Date,USD,GBP,CYP,\n2026-11-20,1.12,0.84,N/A,\n2026-10-30,1.1,0.86,N/A,\n"
    xml = (
        "<?xml version='1.0'?><Envelope><Cube>"
        + "".join(
            f"<Cube time='{day}'><Cube currency='USD' rate='{usd}'/><Cube currency='GBP' rate='{gbp}'/></Cube>"
            for day, usd, gbp in (("2026-11-20", "1.12", "0.84"), ("2026-10-30", "1.1", "0.86"))
        )
        + "</Cube></Envelope>"
    )
    for text in (table, xml):
        found = judged(shelf, text, Profile())
        assert [(row.verdict, row.was, row.would_be) for row in found] == [
            ("new", "", "USD 1.12, GBP 0.84"),
            ("changed", "GBP 0.85", "GBP 0.86"),
        ]


def test_a_corrected_price_replaces_the_one_of_the_same_day_and_source(shelf: Database) -> None:
    imported(shelf, f"{HEAD}rtx-3090,850\n")
    imported(shelf, f"{HEAD}rtx-3090,860\n")
    with shelf.read() as session:
        assert [str(price.amount) for price in prices_at(session, 3, ["rtx-3090"])] == ["900.00", "860.00"]
    assert check(shelf) == ()


HEADER = "name,price,chipset,memory,core_clock,boost_clock,color,length"


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\nMSI,1,GeForce RTX 3090,24,1,1,,1\nMSI VENTUS,899.99\n",
        json.dumps([dict.fromkeys(HEADER.split(","), "1"), {"name": "MSI VENTUS", "price": 899.99}]),
    ],
    ids=["row", "record"],
)
def test_a_row_that_is_shorter_than_the_header_is_rejected_by_name(shelf: Database, text: str) -> None:
    last = judged(shelf, text, Profile(observed_on=TODAY))[-1]
    assert (last.verdict, last.label, last.reason) == ("rejected", "MSI VENTUS", "the row says nothing under 'chipset'")
