"""The images that a user builds, compiled in the Dockerfile. Takes up to ten minutes: everything is
compiled once more."""
import unittest

import images
import visible_skip

PREFIX = "loadline-test"


class FromSource(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        images.need_docker()
        images.run("scripts/rig-images")
        images.build(images.ROOT, PREFIX)

    def test_both_programs_run_as_an_ordinary_user(self):
        for target in images.TARGETS:
            with self.subTest(target):
                help_text = images.run("docker", "run", "--rm", f"{PREFIX}/{target}", "--help", seconds=60)
                self.assertIn(target, help_text)
                user = images.run("docker", "run", "--rm", "--entrypoint", "id", f"{PREFIX}/{target}", "-u", seconds=60)
                self.assertEqual(user, "10001\n")


if __name__ == "__main__":
    visible_skip.main()
