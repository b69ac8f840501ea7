from pathlib import Path

import pytest

from ontogeny.core.errors import DataError, UsageError
from ontogeny.data.block_list import BlockList, list_files, split_url


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://WWW.Bad.Example:8080/a/b/?q#f", "bad.example", "/a/b/?q"),
        ("bad.example", "bad.example", ""),
        ("//user:pass@bad.example./", "bad.example", ""),
        ("http://bücher.example/x", "xn--bcher-kva.example", "/x"),
        ("http://[2001:db8::1]:80/x", "[2001:db8::1]", "/x"),
        ("http://" + "é" * 300 + ".example", "é" * 300 + ".example", ""),
        ("", "", ""),
    ],
)
def test_an_address_is_split_into_host_and_path(url: str, host: str, path: str) -> None:
    assert split_url(url) == (host, path)


def test_plain_lists_and_hosts_files_are_read(tmp_path: Path) -> None:
    plain, hosts = tmp_path / "plain.txt", tmp_path / "hosts"
    plain.write_text("# a comment\nBad.example\n\nok.example/bad/page/  # one page\n")
    hosts.write_text(
        "127.0.0.1 localhost\n::1 localhost\n0.0.0.0 ads.example tracker.example\n0.0.0.0 0.0.0.0\n"
    )
    listed = BlockList.load([plain, hosts])
    assert len(listed) == 4
    for host in ("bad.example", "sub.bad.example", "ads.example", "tracker.example"):
        assert listed.blocks_domain(host), host
    for host in ("notbad.example", "example", "localhost", "ok.example", ""):
        assert not listed.blocks_domain(host), host
    assert listed.blocks_url("ok.example", "/bad/page")
    assert listed.blocks_url("ok.example", "/bad/page/below")
    assert not listed.blocks_url("ok.example", "/bad/pages")
    assert not listed.blocks_url("ok.example", "")


def test_folders_of_categories_are_read(tmp_path: Path) -> None:
    for category, domain in (("adult", "a.example"), ("games", "g.example")):
        (tmp_path / category).mkdir()
        (tmp_path / category / "domains").write_text(domain + "\n")
    (tmp_path / "games" / "urls").write_text("x.example/play\n")
    assert len(BlockList.load([tmp_path])) == 3
    some = BlockList.load([tmp_path], ["adult"])
    assert some.blocks_domain("a.example") and not some.blocks_domain("g.example")
    assert BlockList.load([tmp_path / "games"]).blocks_url("x.example", "/play")
    assert list_files([tmp_path], ["games"]) == [tmp_path / "games" / "domains", tmp_path / "games" / "urls"]


def test_bad_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such block list"):
        BlockList.load([tmp_path / "none"])
    (tmp_path / "adult").mkdir()
    with pytest.raises(UsageError, match=r"no category 'adlut'. Did you mean 'adult'\?"):
        BlockList.load([tmp_path], ["adlut"])
    with pytest.raises(DataError, match="no file called 'domains' or 'urls'"):
        BlockList.load([tmp_path])
    page = tmp_path / "page.html"
    page.write_text("fine.example\n<html>\n")
    with pytest.raises(DataError, match=r"page\.html, line 2: neither a domain nor an address: '<html>'"):
        BlockList.load([page])
    page.write_text("two words\n")
    with pytest.raises(DataError, match="neither a domain nor an address"):
        BlockList.load([page])
    page.write_text("# nothing\n")
    with pytest.raises(DataError, match="hold no entry"):
        BlockList.load([page])
