#pragma once
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "stats/histogram.hpp"

namespace loadline {

/// The HdrHistogram V2 compressed payload ("HISTFAAAA..."), base64, as histogram logs
/// and summary.json carry it.
std::string encode_histogram(const Histogram& histogram);

/// Reads what encode_histogram wrote. Usage error when it is not one of ours: truncated,
/// not base64, another precision.
Result<Histogram> decode_histogram(std::string_view text);

/// The tag under which a name stands in a log: commas and blanks become underscores.
std::string hlog_tag(std::string_view name);

/// One interval of a histogram log.
struct HlogLine {
    std::string tag;  ///< empty: none
    Duration since_start{}, length{};
    Histogram histogram;
};

/// Reads the next interval that HlogWriter wrote; comments and titles are passed over.
/// Nothing at the end. Usage error, with the line's number in the log, for anything else.
class HlogReader {
public:
    explicit HlogReader(std::istream& in) : in_{in} {}  ///< `in` must outlive the reader
    Result<std::optional<HlogLine>> next();

private:
    std::istream& in_;
    std::size_t line_ = 0;
};

/// Writes a histogram log of format 1.3: values in ns, printed in ms as the Java tools
/// expect; `Tag=` per step; column 2 is the interval length in seconds.
class HlogWriter {
public:
    /// `out` must outlive the writer. Writes the header lines.
    HlogWriter(std::ostream& out, std::chrono::system_clock::time_point start);

    /// One line. `since_start` is when the interval began. Commas and blanks in `tag`
    /// become underscores. Empty histograms are written too (readers count intervals).
    void write(std::string_view tag, Duration since_start, Duration length,
               const Histogram& histogram);
    /// The same for a histogram that was encoded before; `max` as read from it, 1 h when it
    /// holds unanswered ones.
    void write_encoded(std::string_view tag, Duration since_start, Duration length, Duration max,
                       std::string_view payload);

private:
    std::ostream& out_;
};

}  // namespace loadline
