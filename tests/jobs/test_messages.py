from __future__ import annotations

import io
import os
import threading

import numpy as np
import pytest

from napari_unet.errors import InputError
from napari_unet.jobs.messages import ReadReply, Ready, read_message, write_message


def test_a_large_array_goes_through_a_pipe_unchanged():
    block = np.random.default_rng(0).integers(0, 255, (300, 1000, 10), dtype=np.uint8)
    read, write = os.pipe()
    with open(read, "rb", buffering=0) as incoming, open(write, "wb", buffering=0) as outgoing:
        writer = threading.Thread(target=write_message, args=(outgoing, ReadReply(3, block)))
        writer.start()
        reply = read_message(incoming)
        writer.join()
    np.testing.assert_array_equal(reply.block, block)
    assert reply.block.flags.writeable


@pytest.mark.parametrize(
    "block", [np.zeros((0, 3)), np.arange(6).reshape(2, 3).T, np.arange(10)[::2], np.array(7)]
)
def test_any_layout_goes_through(block):
    file = io.BytesIO()
    write_message(file, ReadReply(0, block))
    file.seek(0)
    np.testing.assert_array_equal(read_message(file).block, block)


def test_errors_keep_problem_and_remedy():
    file = io.BytesIO()
    write_message(file, ReadReply(0, None, InputError("It has gone.", "Open it again.")))
    file.seek(0)
    error = read_message(file).error
    assert (error.problem, error.remedy) == ("It has gone.", "Open it again.")


@pytest.mark.parametrize("kept", [0, 3, 10, -1])
def test_a_message_cut_short_is_the_end(kept):
    file = io.BytesIO()
    write_message(file, Ready())
    assert read_message(io.BytesIO(file.getvalue()[:kept])) is None


def test_nothing_is_written_of_what_cannot_be_pickled():
    file = io.BytesIO()
    with pytest.raises(Exception, match="pickle"):
        write_message(file, lambda: None)
    assert file.getvalue() == b""
