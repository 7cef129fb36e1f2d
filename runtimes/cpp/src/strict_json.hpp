// JSON as RFC 8259 has it, and what may not be: two readers must never see two things in one document.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace restorect {

constexpr std::size_t kLargestManifest = 1 << 20;  ///< In bytes.
constexpr int kDeepestManifest = 32;               ///< Levels of objects and lists.

/// What is wrong with a document; whoever reads it says where and how to mend it.
struct Damage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Read a file of JSON: UTF-8 without a byte order mark, no key twice in an object, no number beyond a
/// double.
///
/// Throws Damage, or nlohmann::json::exception for what is no JSON.
nlohmann::json strict_json(const std::filesystem::path& path);

/// A name in quotes for a message: control characters, which could play with a terminal, become '?'.
std::string shown(const std::string& text);

}  // namespace restorect
