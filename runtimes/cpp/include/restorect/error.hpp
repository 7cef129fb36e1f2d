// Errors, with the exit codes of the project's command line.
#pragma once

#include <stdexcept>
#include <string>

#include "restorect/export.h"

namespace restorect {

/// Base of all errors that this library throws on purpose. A message says what was wrong, what was got, what
/// is allowed and how to mend it.
class RESTORECT_API Error : public std::runtime_error {
 public:
  Error(int exit_code, const std::string& message) : std::runtime_error(message), exit_code_(exit_code) {}

  /// 1 usage, 3 missing dependency, 4 incompatible artifact, 5 back-end failure.
  int exit_code() const noexcept { return exit_code_; }

 private:
  int exit_code_;
};

/// A wrong path, option, frame or buffer.
class RESTORECT_API UsageError : public Error {
 public:
  explicit UsageError(const std::string& message) : Error(1, message) {}
};

/// A library or program that this operation needs is not installed.
class RESTORECT_API MissingDependencyError : public Error {
 public:
  explicit MissingDependencyError(const std::string& message) : Error(3, message) {}
};

/// An artifact, engine or size that cannot be used here.
class RESTORECT_API IncompatibleError : public Error {
 public:
  explicit IncompatibleError(const std::string& message) : Error(4, message) {}
};

/// The back end failed, or the device asked for is not there.
class RESTORECT_API BackendError : public Error {
 public:
  explicit BackendError(const std::string& message) : Error(5, message) {}
};

}  // namespace restorect
