"""PDF, DOCX and mail: what companies bring. Damage, bombs and what a file lacks are told apart."""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.data.document import Document, Rejected
from ontogeny.data.sources import pdf
from ontogeny.data.sources.docx import DocxSource, read_docx
from ontogeny.data.sources.mail import MailSource, read_mail
from ontogeny.data.sources.pdf import PdfSource, read_pdf
from tests.data.sources.unit_reading import read_unit, reasons, texts

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def body(*paragraphs: str) -> str:
    inner = "".join(f"<w:p><w:r>{paragraph}</w:r></w:p>" for paragraph in paragraphs)
    return f'<w:document xmlns:w="{W}"><w:body>{inner}</w:body></w:document>'


def archive(**members: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return packed.getvalue()


def docx(data: bytes, folder: Path, **settings: object) -> list[Document | Rejected]:
    path = folder / "a.docx"
    path.write_bytes(data)
    source = DocxSource.model_validate({"type": "docx", "path": str(path), **settings})
    return read_unit(source, read_docx, path)[0]


def test_a_docx_gives_its_paragraphs_and_its_day(tmp_path: Path) -> None:
    text = body(
        "<w:t>One</w:t><w:tab/><w:t>two</w:t>",
        "<w:delText>gone</w:delText>",
        "<w:t>a</w:t><w:br/><w:t>b</w:t>",
    )
    about = "<x><dcterms:modified xsi:type='w'>2020-01-02T03:04:05Z</dcterms:modified></x>"
    (document,) = docx(archive(word__document_xml=text, docProps__core_xml=about), tmp_path)
    assert texts([document]) == ["One\ttwo\n\na\nb"]
    assert isinstance(document, Document) and document.date == "2020-01-02"


def test_a_docx_that_is_none_is_counted(tmp_path: Path) -> None:
    assert reasons(docx(b"no archive", tmp_path)) == ["damaged_file"]
    assert reasons(docx(archive(other_xml="<a/>"), tmp_path)) == ["damaged_file"]
    assert reasons(docx(archive(word__document_xml="<a><b>"), tmp_path)) == ["damaged_file"]
    entity = '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    assert reasons(docx(archive(word__document_xml=entity), tmp_path)) == ["damaged_file"]


def test_a_docx_that_is_empty_large_or_a_bomb_is_left_out(tmp_path: Path) -> None:
    assert reasons(docx(archive(word__document_xml=body()), tmp_path)) == ["no_text"]
    long = archive(word__document_xml=body("<w:t>long</w:t>"))
    assert reasons(docx(long, tmp_path, max_body_bytes=10)) == ["file_too_large"]
    assert reasons(docx(archive(word__document_xml="x" * (80 << 20)), tmp_path)) == ["file_too_large"]


def read_pdf_bytes(data: bytes, folder: Path, **settings: object) -> list[Document | Rejected]:
    path = folder / "a.pdf"
    path.write_bytes(data)
    source = PdfSource.model_validate({"type": "pdf", "path": str(path), **settings})
    return read_unit(source, read_pdf, path)[0]


def pdf_of(text: str) -> bytes:
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /CreationDate (D:20200102030405Z) >>",
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 7\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out) + b"trailer\n<< /Size 7 /Root 1 0 R /Info 6 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start


def test_a_pdf_gives_its_text_and_its_day(tmp_path: Path) -> None:
    pytest.importorskip("pypdf")
    (document,) = read_pdf_bytes(pdf_of("Words of a report"), tmp_path)
    assert texts([document]) == ["Words of a report"]
    assert isinstance(document, Document) and document.date == "2020-01-02"


def test_pdfs_without_text_or_sense_are_told_apart(tmp_path: Path) -> None:
    pytest.importorskip("pypdf")
    assert reasons(read_pdf_bytes(pdf_of(""), tmp_path)) == ["no_text"]
    assert reasons(read_pdf_bytes(b"no pdf", tmp_path)) == ["damaged_file"]
    assert reasons(read_pdf_bytes(b"", tmp_path)) == ["empty_file"]
    assert reasons(read_pdf_bytes(pdf_of("x"), tmp_path, max_file_bytes=10)) == ["file_too_large"]


def test_a_damaged_pdf_is_a_bad_row_and_one_without_text_is_not(tmp_path: Path) -> None:
    pytest.importorskip("pypdf")
    path = tmp_path / "a.pdf"
    source = PdfSource(type="pdf", path=str(path))
    path.write_bytes(b"<html>no pdf")
    (record,), reading = read_unit(source, read_pdf, path)
    assert isinstance(record, Rejected) and record.sample == "<html>no pdf"
    assert reading.count.bad == 1 and "no readable PDF" in reading.count.first_bad[0].detail
    path.write_bytes(pdf_of(""))
    assert read_unit(source, read_pdf, path)[1].count.bad == 0


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "find_spec", lambda name: None)
    with pytest.raises(RecipeError, match=r"pip install ontogeny\[documents\]"):
        read_pdf_bytes(pdf_of("x"), tmp_path)


def message(
    subject: str = "Größe", text: str = "Words\n", *, number: int = 1, **headers: str
) -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["From"], made["Message-ID"] = subject, "a@example.org", f"<{number}@x>"
    made["Date"] = "Thu, 02 Jan 2020 03:04:05 +0000"
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made


def mail(data: bytes, folder: Path, name: str = "a.eml", **settings: object) -> list[Document | Rejected]:
    path = folder / name
    path.write_bytes(data)
    source = MailSource.model_validate({"type": "mail", "path": str(path), **settings})
    return read_unit(source, read_mail, path)[0]


def test_a_message_is_its_subject_and_body(tmp_path: Path) -> None:
    made = message()
    made.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
    (document,) = mail(made.as_bytes(), tmp_path)
    assert texts([document]) == ["Größe\n\nWords"]
    assert isinstance(document, Document) and document.date == "2020-01-02"


def test_html_is_read_where_there_is_no_plain_part(tmp_path: Path) -> None:
    made = message(text="plain")
    made.add_alternative("<p>rich</p>", subtype="html")
    assert texts(mail(made.as_bytes(), tmp_path)) == ["Größe\n\nplain"]
    made = message()
    made.set_content("<p>rich</p><ul><li>item</li></ul>", subtype="html")
    assert texts(mail(made.as_bytes(), tmp_path)) == ["Größe\n\nrich\n\n- item"]


def test_an_mbox_is_read_message_by_message_in_threads(tmp_path: Path) -> None:
    answer = message(number=2, References="<1@x> <7@x>", text="From here\n")
    parts = [
        b"From a Thu Jan  2 2020\n" + made.as_bytes() + b"\n"
        for made in (message(), answer, message(number=3))
    ]
    records = mail(b"".join(parts), tmp_path, "a.mbox")
    documents = [record for record in records if isinstance(record, Document)]
    assert len(documents) == 3
    assert documents[0].group == documents[1].group != documents[2].group
    start, end = map(int, documents[1].locator.rpartition("=")[2].split("-"))
    assert b"".join(parts)[start:end].startswith(b"Subject:")


def test_messages_without_text_too_large_or_none_at_all(tmp_path: Path) -> None:
    assert reasons(mail(b"Content-Type: image/png\n\nx", tmp_path)) == ["no_text"]
    assert reasons(mail(message(text="x" * 500).as_bytes(), tmp_path, max_message_bytes=100)) == [
        "message_too_large"
    ]
    assert reasons(mail(b"", tmp_path)) == ["empty_file"]
    broken = (
        b"Subject: =?utf-8?b?\xff\xfe?=\nDate: no day\nContent-Type: text/plain; charset=nonsense\n\nWords"
    )
    assert len(texts(mail(broken, tmp_path))) == 1
