from ontogeny.data.signals.pii import PII_SIGNALS
from ontogeny.data.texts import Texts


def test_the_group_gives_its_columns() -> None:
    columns = PII_SIGNALS.compute(Texts.of(["a@b.de 10.0.0.1 8.8.4.44", ""]))
    assert tuple(columns) == PII_SIGNALS.columns
    assert {name: column.tolist() for name, column in columns.items() if column.any()} == {
        "pii_email": [1, 0],
        "pii_ip": [1, 0],
        "pii_private_ip": [1, 0],
    }
