import numpy as np

from ontogeny.data.pii.kinds import KINDS, count_column
from ontogeny.data.rules import needs_of
from ontogeny.data.rules.pii import Pii, judge_pii


def test_documents_with_more_than_allowed_go() -> None:
    columns = {count_column(kind): np.zeros(3, dtype=np.int32) for kind in KINDS}
    columns["pii_email"][:] = [0, 1, 2]
    columns["pii_private_ip"][:] = 9
    judgement = judge_pii(Pii(type="pii", max_found=1), columns)
    assert judgement.code.tolist() == [0, 0, 1]
    assert judgement.reasons[0] == "pii_email" and judgement.says[0] == "found, more than max_found 1"
    assert judgement.score[2] == 2
    only = judge_pii(Pii(type="pii", kinds=("private-ip",)), columns)
    assert only.reasons == ("pii_private_ip",) and only.code.tolist() == [1, 1, 1]


def test_without_a_bound_nothing_goes_and_the_columns_are_there() -> None:
    rule = Pii(type="pii", max_found=None)
    columns = {count_column(kind): np.full(2, 9, dtype=np.int32) for kind in KINDS}
    judgement = judge_pii(rule, columns)
    assert judgement.code.tolist() == [0, 0] and judgement.reasons == ()
    (need,) = needs_of([rule])
    assert set(need.group.columns) == set(columns)
