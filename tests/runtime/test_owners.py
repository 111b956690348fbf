"""Owners, users and refusals: what Docker would say, whoever runs this and however many IDs the machine gives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from tests.parts import missing


def test_chown_is_seen_and_lasts_over_runs(box):
    box.sh("echo x > /file; chown 5:6 /file; mkdir /dir; chown -R 1000:1000 /dir; chgrp 50 /etc/passwd")
    out = box.sh("stat -c '%u:%g %n' /file /dir /etc/passwd /etc; ls -ln /file; find / -xdev -user 5")
    assert out.startswith("5:6 /file\n1000:1000 /dir\n0:50 /etc/passwd\n0:0 /etc\n-rw-r--r--    1 5        6 ")
    assert out.endswith("/file\n")


def test_owner_survives_rename_copy_hard_link_and_is_gone_with_the_file(box):
    out = box.sh("echo x > /a; chown 5:6 /a; mv /a /b; ln /b /c; cp -a /b /d; cp /b /e; rm /b; echo y > /b; stat -c '%u:%g %n' /b /c /d /e")
    assert out == "0:0 /b\n5:6 /c\n5:6 /d\n0:0 /e\n"


def test_owner_of_a_lower_layer_shows_above_it(make_box):
    below = make_box()
    below.sh("mkdir /d; echo x > /d/f; chown 7:8 /d/f; ln -s f /d/link; chown -h 9:10 /d/link; mkfifo /d/pipe; chown 11:12 /d/pipe")
    tree = below.upper.rename(below.folder / "tree")
    above = make_box(tree)
    assert above.sh("stat -c '%u:%g' /d/f /d/link /d/pipe") == "7:8\n9:10\n11:12\n"
    above.sh("chmod 600 /d/f; chown -h 13:14 /d/link")
    assert above.sh("stat -c '%u:%g %a' /d/f /d/link") == "7:8 600\n13:14 777\n"


def test_owner_of_a_link_is_written_beside_the_layer_where_no_xattr_holds_it(box, capabilities):
    box.sh("ln -s /x /link; chown -h 9:10 /link; ln -s /y /plain")
    if capabilities.real_owners:
        assert (os.lstat(box.upper / "link").st_uid, os.lstat(box.upper / "link").st_gid) == (9, 10)
    else:
        assert json.loads((box.folder / "owners.json").read_text()) == {"link": [9, 10]}
    box.sh("rm /link")
    assert not (box.folder / "owners.json").exists() or "link" not in json.loads((box.folder / "owners.json").read_text())


def test_a_new_file_belongs_to_its_maker(box):
    out = box.sh(
        "umask 027; cd /tmp; echo x > f; mkdir d; ln -s f l; mkfifo p; : > d/g; stat -c '%u:%g %a %n' f d l p d/g", uid=1000, gid=1000
    )
    assert out == "1000:1000 640 f\n1000:1000 750 d\n1000:1000 777 l\n1000:1000 640 p\n1000:1000 640 d/g\n"
    assert box.sh("stat -c %u:%g /tmp/f /tmp/l") == "1000:1000\n1000:1000\n"


def test_a_folder_with_the_group_bit_hands_its_group_down(box):
    out = box.sh("mkdir /g; chown 0:50 /g; chmod 2777 /g; cd /g; : > f; mkdir d; stat -c '%u:%g %a %n' f d")
    assert out == "0:50 644 f\n0:50 2755 d\n"
    assert box.sh("cd /g; : > h; stat -c %u:%g h", uid=1000) == "1000:50\n"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo x > /etc/passwd", "can't create /etc/passwd: Permission denied"),
        ("echo x > /new", "can't create /new: Permission denied"),
        ("touch /etc/passwd", "touch: /etc/passwd: Permission denied"),
        ("mkdir /etc/d", "mkdir: can't create directory '/etc/d': Permission denied"),
        ("rm -f /etc/passwd", "rm: can't remove '/etc/passwd': Permission denied"),
        ("mv /etc/passwd /tmp/x", "Permission denied"),
        ("chmod 777 /etc/passwd", "chmod: /etc/passwd: Operation not permitted"),
        ("chown 1000 /etc/passwd", "chown: /etc/passwd: Operation not permitted"),
        ("ln -s x /etc/l", "ln: /etc/l: Permission denied"),
        ("ls /root", "ls: can't open '/root': Permission denied"),
        ("cat /root/secret/deep", "cat: can't open '/root/secret/deep': Permission denied"),
        ("cd /root", "can't cd to /root: Permission denied"),
        ("cat /private", "cat: can't open '/private': Permission denied"),
        ("rm -f /tmp/of-root", "rm: can't remove '/tmp/of-root': Operation not permitted"),
        ("/not-for-you", "/not-for-you: Permission denied"),
        ("ls /root/secret", "ls: /root/secret: Permission denied"),
    ],
)
def test_what_docker_refuses_a_user(box, script, words):
    box.sh(
        "mkdir /root/secret; echo s > /root/secret/deep; echo p > /private; chmod 600 /private; echo t > /tmp/of-root;"
        "cp /bin/busybox /not-for-you; chmod 700 /not-for-you"
    )
    code, out = box.run("sh", "-c", script, uid=1000)
    assert code != 0 and words in out


def test_what_a_user_may(box):
    out = box.sh(
        "cat /etc/passwd >/dev/null; echo x > /tmp/mine; chmod 600 /tmp/mine; touch /tmp/mine; mv /tmp/mine /tmp/m2; rm /tmp/m2; echo ok",
        uid=1000,
    )
    assert out == "ok\n"
    box.sh("mkdir /home/app; chown 1000:1000 /home/app; mkdir /shared; chgrp 50 /shared; chmod 770 /shared")
    assert box.sh("cd; echo x > f; mkdir -p a/b; rm -r a; echo ok", uid=1000) == "ok\n"
    assert box.sh("echo x > /shared/f; stat -c %u:%g /shared/f", uid=1000, groups=(1000, 50)) == "1000:1000\n"
    assert "Permission denied" in box.run("sh", "-c", "echo x > /shared/g", uid=1000)[1]


def test_a_user_can_not_become_root_nor_give_files_away(box):
    assert box.run("chown", "0:0", "/tmp", uid=1000)[0] != 0
    assert box.run("sh", "-c", "echo x > /tmp/y; chown 7 /tmp/y", uid=1000)[0] != 0
    assert "su: " in box.run("su", "root", "-c", "id", uid=1000)[1]


def test_su_makes_a_process_of_the_user(box):
    box.sh("chmod 755 /root")
    out = box.sh("exec 2>&1; su app -c 'id -u; echo x > /tmp/by-app; stat -c %u:%g /tmp/by-app; echo x > /etc/no || true'; id -u")
    lines = out.splitlines()
    assert lines[:2] == ["1000", "1000:1000"] and lines[3] == "0"
    assert lines[2].endswith("can't create /etc/no: Permission denied")


def test_set_id_programs_get_their_owners_id(box):
    """busybox gives up what it doesn't need; its crontab needs it, and shows a file that only root may read."""
    box.sh("d=/var/spool/cron/crontabs; mkdir -p $d; echo '# secret' > $d/app; chmod 700 $d")
    assert box.run("crontab", "-l", uid=1000)[0] != 0
    box.sh("chmod 4755 /bin/busybox")
    assert box.sh("crontab -l", uid=1000) == "# secret\n"


ACCESS = """
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(int count, char **paths) {
    for (int i = 1; i < count; i++)
        printf("%s%s%s ", access(paths[i], R_OK) ? "-" : "r", access(paths[i], W_OK) ? "-" : "w", faccessat(AT_FDCWD, paths[i], W_OK, AT_EACCESS) ? "-" : "W");
}
"""


def test_access_asks_for_the_one_who_started_a_set_id_program(box, tmp_path):
    compiler = shutil.which("cc") or missing("a C compiler", "apt-get install gcc libc6-dev")
    (tmp_path / "access.c").write_text(ACCESS)
    program = tmp_path / "access"
    subprocess.run([compiler, "-static", "-o", program, tmp_path / "access.c"], check=True)
    (box.upper / "access").write_bytes(program.read_bytes())
    box.sh(
        "chmod 755 /access; echo s > /secret; chmod 600 /secret; echo p > /mine; chown 1000:1000 /mine; chmod 600 /mine; echo g > /ours; chmod 060 /ours; chgrp 50 /ours"
    )
    assert box.sh("/access /secret /etc/passwd /mine /ours", uid=1000) == "--- r-- rwW --- "
    box.sh("chmod 4755 /access")
    assert box.sh("/access /secret /etc/passwd /mine /ours", uid=1000) == "--W r-W rwW --W "
    box.sh("chown 0:50 /access; chmod 2755 /access")
    assert box.sh("/access /ours", uid=1000) == "--W "
    assert box.sh("/access /secret /etc/passwd /mine /ours") == "rwW rwW rwW rwW "


def test_set_id_bits_go_with_a_chown(box):
    assert box.sh("cp /bin/busybox /s; chmod 6755 /s; chown 5:6 /s; stat -c %a /s") == "755\n"


def test_a_bind_mount_and_proc_keep_their_own_owners(box):
    assert box.sh("stat -c %u /proc/1 /proc/self /dev/null") == "0\n0\n0\n"


def test_device_files_are_remembered(box, capabilities):
    if capabilities.identity == "mapped":
        pytest.skip("the kernel makes no devices in a user namespace, and there is no supervisor to remember them")
    out = box.sh("mknod /d c 10 20; chmod 640 /d; stat -c '%F %t:%T' /d; mknod /p p; stat -c %F /p")
    assert out == "character special file a:14\nfifo\n"
