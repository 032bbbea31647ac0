#include "scenario/locate.hpp"

#include "scenario/scenario.hpp"

namespace loadline {
namespace {

constexpr std::size_t deepest = 256;  // the parser refuses far less

/// Reads tokens; comments and blanks lie between them.
class Tokens {
public:
    explicit Tokens(std::string_view text) : text_{text} {}

    /// The next token; empty (begin == end) at the end of the text.
    TextRange next() {
        skip_blanks();
        const auto begin = at_;
        if (at_ == text_.size()) return {begin, begin};
        if (text_[at_] == '"') {
            skip_string();
        } else if (is_mark(text_[at_])) {
            ++at_;
        } else {
            while (at_ < text_.size() && !ends_word()) ++at_;
        }
        return {begin, at_};
    }

private:
    static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
    static bool is_mark(char c) {
        return std::string_view{"{}[]:,"}.find(c) != std::string_view::npos;
    }

    bool at_comment() const { return text_.substr(at_, 2) == "//" || text_.substr(at_, 2) == "/*"; }
    bool ends_word() const {
        return is_blank(text_[at_]) || is_mark(text_[at_]) || text_[at_] == '"' || at_comment();
    }

    void skip_blanks() {
        while (at_ < text_.size()) {
            if (is_blank(text_[at_])) {
                ++at_;
            } else if (at_comment()) {
                const bool line = text_[at_ + 1] == '/';
                const auto end = text_.find(line ? "\n" : "*/", at_ + 2);
                at_ = end == std::string_view::npos ? text_.size() : end + (line ? 1 : 2);
            } else {
                return;
            }
        }
    }

    /// Over a string; one that is not closed ends with its line.
    void skip_string() {
        for (++at_; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
            if (text_[at_] == '"') {
                ++at_;
                return;
            }
            if (text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n') ++at_;
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

class Locator {
public:
    explicit Locator(std::string_view text) : text_{text}, tokens_{text} {
        token_ = tokens_.next();
    }

    std::vector<LocatedValue> take() {
        value("", std::nullopt, 0);
        return std::move(values_);
    }

private:
    bool looking_at(char c) const { return token_.begin < token_.end && text_[token_.begin] == c; }
    void step() { token_ = tokens_.next(); }

    bool value(const std::string& pointer, std::optional<TextRange> key, std::size_t depth) {
        if (token_.begin == token_.end || depth > deepest) return false;
        const auto index = values_.size();
        values_.push_back({pointer, key, token_});
        if (looking_at('{')) return object(pointer, index, depth);
        if (looking_at('[')) return array(pointer, index, depth);
        step();
        return true;
    }

    bool object(const std::string& pointer, std::size_t index, std::size_t depth) {
        for (step(); !looking_at('}'); step()) {
            if (!looking_at('"')) return false;
            const auto key = token_;
            step();
            if (!looking_at(':')) return false;
            step();
            if (!value(pointer_to(pointer, key_text(key)), key, depth + 1)) return false;
            if (!looking_at(',')) break;
        }
        return close('}', index);
    }

    bool array(const std::string& pointer, std::size_t index, std::size_t depth) {
        step();
        for (std::size_t n = 0; !looking_at(']'); ++n) {
            if (!value(pointer_to(pointer, n), std::nullopt, depth + 1)) return false;
            if (looking_at(',')) step();
        }
        return close(']', index);
    }

    bool close(char bracket, std::size_t index) {
        if (!looking_at(bracket)) return false;
        values_[index].value.end = token_.end;
        step();
        return true;
    }

    std::string key_text(TextRange key) const {
        const auto raw = text_.substr(key.begin, key.end - key.begin);
        const auto parsed = nlohmann::json::parse(raw, nullptr, false);
        return parsed.is_string() ? parsed.get<std::string>() : std::string{raw};
    }

    std::string_view text_;
    Tokens tokens_;
    TextRange token_;
    std::vector<LocatedValue> values_;
};

}  // namespace

std::vector<LocatedValue> locate_values(std::string_view text) { return Locator{text}.take(); }

std::vector<TextRange> split_tokens(std::string_view text) {
    std::vector<TextRange> tokens;
    Tokens source{text};
    for (auto token = source.next(); token.begin != token.end; token = source.next()) {
        tokens.push_back(token);
    }
    return tokens;
}

std::string pointer_to(std::string_view pointer, std::string_view key) {
    std::string result{pointer};
    result += '/';
    for (const char c : key) {
        if (c == '~') {
            result += "~0";
        } else if (c == '/') {
            result += "~1";
        } else {
            result += c;
        }
    }
    return result;
}

std::string pointer_to(std::string_view pointer, std::size_t index) {
    return std::string{pointer} + "/" + std::to_string(index);
}

}  // namespace loadline
