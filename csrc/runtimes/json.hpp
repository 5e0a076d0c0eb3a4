// Values of the JSON text in which a graph of torch holds a palette or a CRF.
#pragma once

#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace segpost::runtimes {

struct Json {
    enum class Kind { null, boolean, number, text, list, object } kind = Kind::null;
    double number = 0; // of a boolean 0 or 1
    std::string text;
    std::vector<Json> items;
    std::map<std::string, Json> fields;

    static Json parse(const std::string &text) {
        Reader reader{text.c_str()};
        Json value = reader.value();
        reader.skip_spaces();
        if (*reader.at) reader.refuse();
        return value;
    }

    // A field of an object; null where it is absent.
    const Json &operator[](const std::string &name) const {
        static const Json nothing;
        const auto place = fields.find(name);
        return place == fields.end() ? nothing : place->second;
    }

    bool is(const char *word) const { return kind == Kind::text && text == word; }

  private:
    struct Reader {
        const char *at;
        int depth = 0;

        [[noreturn]] static void refuse() {
            throw std::invalid_argument("the text is not of segpost.torch.as_text");
        }
        void skip_spaces() {
            while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r') ++at;
        }
        bool take(char symbol) {
            skip_spaces();
            if (*at != symbol) return false;
            ++at;
            return true;
        }
        void want(char symbol) {
            if (!take(symbol)) refuse();
        }
        bool take_word(const char *word) {
            const std::size_t length = std::strlen(word);
            if (std::strncmp(at, word, length)) return false;
            at += length;
            return true;
        }
        Json value() {
            if (++depth > 8) refuse();
            Json result = read();
            --depth;
            return result;
        }
        Json read() {
            Json result;
            skip_spaces();
            if (take('{')) {
                result.kind = Kind::object;
                if (take('}')) return result;
                do {
                    want('"');
                    const std::string name = string();
                    want(':');
                    result.fields[name] = value();
                } while (take(','));
                want('}');
            } else if (take('[')) {
                result.kind = Kind::list;
                if (take(']')) return result;
                do result.items.push_back(value());
                while (take(','));
                want(']');
            } else if (take('"')) {
                result.kind = Kind::text, result.text = string();
            } else if (take_word("null")) {
                result.kind = Kind::null;
            } else if (take_word("true")) {
                result.kind = Kind::boolean, result.number = 1;
            } else if (take_word("false")) {
                result.kind = Kind::boolean;
            } else {
                char *end = nullptr;
                result.kind = Kind::number, result.number = std::strtod(at, &end);
                if (end == at) refuse();
                at = end;
            }
            return result;
        }
        std::string string() { // names and words of segpost have no escapes
            std::string result;
            while (*at && *at != '"' && *at != '\\') result += *at++;
            if (*at != '"') refuse();
            ++at;
            return result;
        }
    };
};

} // namespace segpost::runtimes
