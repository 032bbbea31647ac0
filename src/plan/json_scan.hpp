#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace loadline {

/// Where a scan without a DOM ended.
enum class ScanEnd {
    found,
    missing,      ///< not JSON there, or no such value
    escaped_key,  ///< a key with a backslash was in the way: only the full parser can tell
};

struct RawValue {
    ScanEnd end = ScanEnd::missing;
    std::string_view text;  ///< as it stands: quotes and escapes included
};

/// The raw text of the value that an RFC 6901 pointer names. Reads no further than that
/// value; allocates nothing.
RawValue find_raw(std::string_view json, std::string_view pointer);

/// Undoes the escapes of a raw JSON string (with its quotes) into `out`; \u pairs become
/// UTF-8, half a pair becomes U+FFFD. False on an escape that JSON does not know.
bool unescape_json(std::string_view raw, std::string& out);

}  // namespace loadline
