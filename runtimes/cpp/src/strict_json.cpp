#include "strict_json.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <vector>

namespace restorect {
namespace {

using Json = nlohmann::json;

std::string content(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw Damage("it cannot be read");
  std::string text(kLargestManifest + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > kLargestManifest) throw Damage("it is larger than 1 MiB");
  // The parser would skip it.
  if (text.rfind("\xEF\xBB\xBF", 0) == 0) throw Damage("it begins with a byte order mark");
  // The parser would take it for the end.
  if (text.find('\0') != std::string::npos) throw Damage("it has a NUL byte");
  return text;
}

/// Sees each key and bracket while a document is parsed; the parser itself keeps the last of equal keys.
class Watch {
 public:
  bool operator()(int depth, Json::parse_event_t event, const Json& value) {
    if (event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start) {
      if (depth >= kDeepestManifest) throw Damage("it is nested deeper than 32 levels");
      keys_.resize(static_cast<std::size_t>(depth) + 1);
      keys_.back().clear();
    } else if (event == Json::parse_event_t::key) {
      const auto key = value.get<std::string>();
      if (!keys_[static_cast<std::size_t>(depth) - 1].insert(key).second) {
        throw Damage("it has the key " + shown(key) + " twice");
      }
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> keys_;  // of the open object at each depth
};

}  // namespace

Json strict_json(const std::filesystem::path& path) {
  Watch watch;
  return Json::parse(content(path), [&](int depth, Json::parse_event_t event, const Json& value) {
    return watch(depth, event, value);
  });
}

std::string shown(const std::string& text) {
  std::string part = text.substr(0, 80);
  std::replace_if(part.begin(), part.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
  return "'" + part + "'";
}

}  // namespace restorect
