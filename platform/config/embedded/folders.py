"""Private folders, the lock that says who uses them, and the place of sockets."""

import fcntl
import hashlib
import os
import stat
import tempfile
from pathlib import Path

# sun_path has 108 bytes on Linux and 104 on macOS; the longest name we put below the folder is .s.PGSQL.5432.lock.
LONGEST_SOCKET_FOLDER = 80


class EmbeddedError(Exception):
    """Why a server cannot run here, in a sentence for the person who started it."""


def make_private(folder: Path) -> Path:
    """Make the folder if it is missing. Only its owner can enter it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    if folder.stat().st_uid not in {os.getuid(), 65534} and os.getuid() != 0:
        raise EmbeddedError(f"The folder {folder} belongs to another user; remove it, or run as that user.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise EmbeddedError(f"The folder {folder} is not writable.")
    return folder


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step; nobody else can read it, not even for a moment."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


class FolderLock:
    """At most one user of a folder. The kernel frees it when the holder ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor
        return True

    def holder(self) -> str:
        """The process id of whoever holds it, for a message."""
        return self.path.read_text() or "unknown"

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def socket_folder(data: Path, *, owner: int) -> Path:
    """A folder under the system's temporary one, the same for the same data: a checkout's path may be too long.

    Others can make folders there too, so one that is not ours is refused rather than used.
    """
    name = f"merchantry-{os.getuid()}-{hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]}"
    folder = Path(tempfile.gettempdir()) / name
    if len(os.fsencode(folder)) > LONGEST_SOCKET_FOLDER:
        folder = Path("/tmp") / name  # noqa: S108 - its owner and mode are checked below
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.getuid(), owner}:
            raise EmbeddedError(f"{folder} belongs to somebody else; remove it.") from None
        folder.chmod(0o700)
    except OSError as error:
        raise EmbeddedError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    if folder.stat().st_uid != owner:
        os.chown(folder, owner, owner)
    return folder
