package org.restorect.core

/** What goes wrong; the message says what was wrong, what was given, what is allowed and how to fix it. */
sealed class RestorectException(message: String, cause: Throwable? = null) : Exception(message, cause)

/** The caller's frame or option. */
class UsageException(message: String) : RestorectException(message)

/** The artifact: damaged, edited, newer, or for another target. */
class IncompatibleException(message: String) : RestorectException(message)

/** The library that runs the network. */
class BackendException(message: String, cause: Throwable? = null) : RestorectException(message, cause)
