"""Networks of other people, as their own files hold them: found out, built and described."""
