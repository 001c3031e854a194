"""FFmpeg reads the file that it is given, and nothing else."""

import os
import socket
from dataclasses import replace

import av
import pytest

from fau_tf.io.frames import UnreadableError
from fau_tf.io.video import opening
from fau_tf.io.video.containers import FORMATS
from tests.helpers.media_files import pan, write


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "x.ts", [one[::4, ::4] for one in pan(3)])
    return tmp_path


def opened(path, monkeypatch, demuxer):
    """Open a file as if its signature were that of a demuxer."""
    found = replace(FORMATS[0], demuxer=demuxer)
    monkeypatch.setattr(opening, "container_format", lambda _: found)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with opening.open_container(descriptor, b"", path) as container:
            return len(list(container.decode(video=0)))
    finally:
        os.close(descriptor)


def playlists(target):
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{target}'\n",
    }


@pytest.mark.parametrize("demuxer", ["hls", "concat"])
def test_the_playlists_of_this_test_work_where_nothing_is_refused(folder, demuxer):
    path = folder / "list"
    path.write_text(playlists(folder / "x.ts")[demuxer])
    options = {"allowed_extensions": "ALL", "extension_picky": "0", "safe": "0"}
    with av.open(str(path), format=demuxer, options=options) as container:
        assert len(list(container.decode(video=0))) == 3


@pytest.mark.parametrize("demuxer", ["hls", "concat"])
def test_a_playlist_leads_to_no_other_file(folder, monkeypatch, demuxer):
    """Even if its reader were chosen: only the protocol of descriptors is allowed."""
    path = folder / "list"
    path.write_text(playlists(folder / "x.ts")[demuxer])
    with pytest.raises((UnreadableError, av.FFmpegError, IndexError)):
        opened(path, monkeypatch, demuxer)


@pytest.mark.parametrize("demuxer", ["hls", "concat"])
def test_a_playlist_leads_to_no_host(tmp_path, monkeypatch, demuxer):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        path = tmp_path / "list"
        path.write_text(playlists(f"http://127.0.0.1:{server.getsockname()[1]}/x.ts")[demuxer])
        with pytest.raises((UnreadableError, av.FFmpegError, IndexError)):
            opened(path, monkeypatch, demuxer)
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_name_is_not_interpreted(folder, monkeypatch):
    monkeypatch.chdir(folder)
    path = folder / "http:"
    path.write_bytes((folder / "x.ts").read_bytes())
    assert opened(path, monkeypatch, "mpegts") == 3
