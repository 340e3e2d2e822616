from __future__ import annotations

import re

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from lucency.datasets.dicom_links import pseudonyms
from lucency.datasets.layouts import scan
from lucency.errors import DatasetError

SECRETS = re.compile(r"MRN|ACC|1\.2\.3|Doe")


@pytest.fixture
def dicom(tmp_path):
    """Writes a film of 8 x 8 pixels."""

    def write(name: str, number: int, study: str, patient: str = "MRN1", accession: str = "ACC1", **more: str):
        one = Dataset()
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.SOPClassUID, one.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", f"1.2.3.{number}"
        one.StudyInstanceUID, one.PatientID, one.AccessionNumber = study, patient, accession
        one.PatientName, one.Modality = "Doe^Jane", "DX"
        one.Rows, one.Columns, one.SamplesPerPixel, one.PixelRepresentation = 8, 8, 1, 0
        one.PhotometricInterpretation = "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit = 8, 8, 7
        one.PixelData = np.full((8, 8), number, np.uint8).tobytes()
        one["PixelData"].VR = "OB"
        for keyword, value in more.items():
            setattr(one, keyword, value)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        one.save_as(path, enforce_file_format=True)
        return path

    return write


@pytest.fixture
def archive(dicom, tmp_path):
    """Five films: patient 1 with two exams (of two films and of one), patient 2 with one exam of two films."""
    dicom("a/IM1.dcm", 1, "1.2.3.100", BodyPartExamined="WRIST", ViewPosition="PA")
    dicom("a/IM2.dcm", 2, "1.2.3.100")
    dicom("b/IM3", 3, "1.2.3.200", accession="ACC2")
    dicom("c/IM4.dcm", 4, "1.2.3.300", "MRN2", "ACC3")
    dicom("c/IM5.dcm", 5, "1.2.3.300", "MRN2", "ACC3")
    return tmp_path


TABLES = {
    "file names": ("file,label\nIM1.dcm,1\nIM2.dcm,0\nIM3,1\nIM4.dcm,0\nIM5.dcm,0\n", [1, 0, 1, 0, 0]),
    "paths": ("path,label\na/IM1.dcm,1\na\\IM2.dcm,1\nb/IM3,0\nc/IM4.dcm,0\nc/IM5.dcm,0\n", [1, 1, 0, 0, 0]),
    "SOPInstanceUID": (
        "SOPInstanceUID;fracture\n1.2.3.1;yes\n1.2.3.2;no\n1.2.3.3;no\n1.2.3.4;no\n1.2.3.5;yes\n",
        [1, 0, 0, 0, 1],
    ),
    "StudyInstanceUID": ("study_uid,label\n1.2.3.100,1\n1.2.3.200,0\n1.2.3.300,0\n", [1, 1, 0, 0, 0]),
    "stems of file names": ("image_id,label\nIM1,1\nIM2,0\nIM3,1\nIM4,0\nIM5,0\n", [1, 0, 1, 0, 0]),
    "another id first": (
        "image_id,SOPInstanceUID,label\n7,1.2.3.1,1\n8,1.2.3.2,0\n9,1.2.3.3,0\n10,1.2.3.4,0\n11,1.2.3.5,0\n",
        [1, 0, 0, 0, 0],
    ),
    "AccessionNumber": ("Accession Number,label\nACC1,0\nACC2,1\nACC3,1\n", [0, 0, 1, 1, 1]),
}


@pytest.mark.parametrize("name", TABLES)
def test_what_may_name_a_film(archive, name):
    text, labels = TABLES[name]
    (archive / "labels.csv").write_text(text)
    manifest = scan(archive)
    table = manifest.table
    assert manifest.source.endswith("(DICOM with a table)")
    assert list(table["image_id"]) == ["a/IM1.dcm", "a/IM2.dcm", "b/IM3", "c/IM4.dcm", "c/IM5.dcm"]
    assert list(table["label"]) == labels
    assert list(table["patient_id"].map(list(table["patient_id"].unique()).index)) == [0, 0, 0, 1, 1]
    assert list(table["study_id"].map(list(table["study_id"].unique()).index)) == [0, 0, 1, 2, 2]
    assert (table["body_part"][0], table["view"][0]) == ("wrist", "pa")
    assert any("labels are of whole exams" in note for note in manifest.notes) == (
        name in ("StudyInstanceUID", "AccessionNumber")
    )


@pytest.mark.parametrize("name", [name for name in TABLES if name != "paths"])
def test_the_table_itself_may_be_given(archive, name):
    text, labels = TABLES[name]
    (archive / "any name.csv").write_text(text)
    assert list(scan(archive / "any name.csv").table["label"]) == labels


def test_no_identifier_leaves(archive):
    (archive / "labels.csv").write_text(
        "AccessionNumber,PatientID,label\nACC1,MRN1,0\nACC2,MRN1,1\nACC3,MRN2,1\nACC9,MRN9,1\n"
    )
    manifest = scan(archive)
    shown = manifest.table.drop(columns="path").to_csv() + "".join(manifest.notes)
    assert SECRETS.search(shown) is None
    assert "1 row of labels.csv without a film here (row 5)" in manifest.notes


def test_a_patient_of_the_table_counts_before_that_of_the_file(archive):
    (archive / "labels.csv").write_text("file,PatientID,label\nIM1.dcm,A,1\nIM2.dcm,B,0\nIM3,A,1\n")
    table = scan(archive).table
    assert table["patient_id"][0] == table["patient_id"][2] != table["patient_id"][1]


def test_the_table_may_carry_splits_and_boxes(archive):
    (archive / "labels.csv").write_text('file,label,split,boxes\nIM1.dcm,1,train,"[[1,2,3,4]]"\nIM4.dcm,0,valid,\n')
    manifest = scan(archive)
    assert list(manifest.table["split"]) == ["train", "val"]
    assert list(manifest.table["boxes"]) == ["[[1,2,3,4]]", ""]
    assert "3 films are not in labels.csv and left out" in manifest.notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\nIM1.dcm,1\nIM2.dcm,perhaps\n", "column label: 1 cell is no label (row 3)"),
        ("file,label\nnowhere.dcm,1\nother.dcm,0\n", "none of its 2 rows names a film"),
        ("AccessionNumber,label\nACC7,1\nACC8,0\n", "none of its 2 rows names a film of the folder by AccessionNumber"),
        ("AccessionNumber,label\nACC1,1\nACC1,0\n", "rows 2 and 3 give both labels for the same AccessionNumber"),
        ("file,label,split\nIM1.dcm,1,trian\nIM4.dcm,0,\n", "column split: no split (row 2)"),
        ("file,label,boxes\nIM1.dcm,1,[[1\nIM4.dcm,0,\n", "width, height] (row 2)"),
        ("file,label\n", "the table has no rows"),
        ("file,label\nIM1.dcm,1\nIM3,1\n", "no films of the class not fractured"),
        ("", "the table cannot be read"),
    ],
)
def test_tables_that_cannot_be_used(archive, text, message):
    (archive / "labels.csv").write_text(text)
    with pytest.raises(DatasetError) as error:
        scan(archive)
    assert message in str(error.value)
    assert SECRETS.search(error.value.what.replace("AccessionNumber", "")) is None
    assert "perhaps" not in str(error.value)
    assert "trian" not in str(error.value)


def test_two_tables_are_one_too_many(archive):
    for name in ("one", "two"):
        (archive / f"{name}.csv").write_text("file,label\nIM1.dcm,1\nIM4.dcm,0\n")
    with pytest.raises(DatasetError, match=r"2 tables name films and labels: one.csv, two.csv"):
        scan(archive)
    assert len(scan(archive / "one.csv")) == 2


def test_a_broken_film_is_listed_by_its_name_and_said(archive):
    (archive / "c/IM6.dcm").write_bytes(bytes(128) + b"DICM" + b"\x02\x00\x10")
    (archive / "labels.csv").write_text("file,label\nIM1.dcm,1\nIM4.dcm,0\nIM6.dcm,0\n")
    manifest = scan(archive)
    assert list(manifest.table["image_id"]) == ["a/IM1.dcm", "c/IM4.dcm", "c/IM6.dcm"]
    assert manifest.table["patient_id"][2] == ""


def test_class_folders_of_dicom_know_their_patients_too(dicom, tmp_path):
    dicom("fractured/1.dcm", 1, "1.2.3.1")
    dicom("normal/2.dcm", 2, "1.2.3.2")
    dicom("normal/3.dcm", 3, "1.2.3.3", "MRN2")
    manifest = scan(tmp_path)
    patient = list(manifest.table["patient_id"])
    assert patient[0] == patient[1] != patient[2]
    assert list(manifest.table["group"]) == patient
    assert any("3 DICOM films are of 2 patients and 3 exams" in note for note in manifest.notes)
    assert SECRETS.search("".join(patient)) is None


def test_a_folder_of_pictures_with_a_table_is_not_meant(two_classes):
    (two_classes / "labels.csv").write_text("file,label\nf0.png,1\nn0.png,0\n")
    assert scan(two_classes).source.endswith("(class folders)")


def test_names_depend_on_the_films_and_on_nothing_else():
    first = pseudonyms(["7", "7", "", "8"], ["aa", "bb", "cc", "dd"], "patient")
    again = pseudonyms(["x", "", "y", "x"], ["bb", "cc", "dd", "aa"], "patient")
    assert first[0] == first[1] == again[0] == again[3]
    assert first[2] == again[1] == ""
    assert first[3] == again[2] != first[0]
    assert re.fullmatch(r"patient-[0-9a-f]{12}", first[0])


def test_errors_never_print_what_stands_in_cells(archive):
    for text in (
        "file,label\nIM1.dcm,1\nIM2.dcm,Doe^Jane 1950\nIM3,0\n",
        "file,label,split\nIM1.dcm,1,Doe^Jane\nIM4.dcm,0,\n",
        "file,label,boxes\nIM1.dcm,1,Doe^Jane\nIM4.dcm,0,\n",
    ):
        (archive / "labels.csv").write_text(text)
        with pytest.raises(DatasetError, match=r"column (label|split|boxes): .*\(row [23]\)") as error:
            scan(archive)
        assert "Doe" not in str(error.value)


def test_files_called_by_their_uid(dicom, tmp_path):
    uids = [f"1.2.840.99.{number}" for number in range(4)]
    for number, uid in enumerate(uids):
        # Archives leave the suffix away: then the last number of the UID stands where a suffix would.
        dicom(uid if number % 2 else f"{uid}.dcm", number, f"1.2.3.{number}")
    (tmp_path / "labels.csv").write_text(
        "image_id,label\n" + "".join(f"{uid},{i // 2}\n" for i, uid in enumerate(uids))
    )
    for place in (tmp_path, tmp_path / "labels.csv"):
        assert list(scan(place).table["label"]) == [0, 0, 1, 1]


def test_a_row_of_an_absent_film_does_not_label_another_of_its_name(archive):
    (archive / "labels.csv").write_text("path,label\na/IM1.dcm,1\nz/IM2.dcm,1\nc/IM4.dcm,0\n")
    manifest = scan(archive)
    assert list(manifest.table["image_id"]) == ["a/IM1.dcm", "c/IM4.dcm"]
    assert "1 row of labels.csv without a film here (row 3)" in manifest.notes
