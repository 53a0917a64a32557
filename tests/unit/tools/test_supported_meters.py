"""The page of supported meters is what the code reads today."""

from tools.supported_meters import PAGE, main, page, supported_meters


def test_the_page_is_current() -> None:
    assert page() == PAGE.read_text("utf-8"), "run python -m tools.supported_meters"
    assert main(["--check"]) == 0


def test_what_it_says_is_read_from_telegrams() -> None:
    lines = {(each.maker, each.model): each for each in supported_meters()}
    assert lines["Iskra", "AM550"].profiles == ("at-wiener-netze",)
    assert lines["Janitza", "UMG 604"].verified == "document"
    assert lines["Kaifa", "MA309 (EVN doc example)"].verified == "telegram"
    assert {each.protocol.split(",")[0].split(" (")[0] for each in lines.values()} >= {
        "AMIS", "DLMS push", "DSMR P1", "IEC 62056-21", "M-Bus", "Modbus", "SML", "SunSpec",
    }  # fmt: skip
    assert all(each.profiles and each.source for each in lines.values())
