#pragma once
// How clients word results: their own remarks around what a tool said, taken off. All are total, and give
// back what they do not know unchanged.
#include <initializer_list>
#include <string>
#include <string_view>

namespace clawtrace::replay {

// Stands where a client left something out; CompareOutputs (normalise.h) compares what is around it.
inline constexpr std::string_view kLeftOut = "[... left out ...]";

// "     1→text", "1\ttext", "1: text", "12|text", " 1 | text": only if every line has one, counting up by
// one.
std::string WithoutLineNumbers(std::string_view text);

// Every "<tag>...</tag>", the tag's own lines with it.
std::string WithoutBlocks(std::string_view text, std::string_view tag);
// What is between the first "<tag>" and the last "</tag>"; the whole text when there is no such pair.
std::string_view InsideOf(std::string_view text, std::string_view tag);

// A text that is one of these and nothing else is no text.
std::string_view UnlessOneOf(std::string_view text, std::initializer_list<std::string_view> remarks);

// The last line, when it starts so: for notes behind a result; with the empty lines before it. Repeats until
// no last line does.
std::string_view WithoutLastLines(std::string_view text, std::initializer_list<std::string_view> starts);
// The same for first lines.
std::string_view WithoutFirstLines(std::string_view text, std::initializer_list<std::string_view> starts);

// What is behind the first `mark`; "" when it is not there.
std::string_view Behind(std::string_view text, std::string_view mark);

// What str_replace_editor shows of a file (`cat -n` behind a line that says so), and of an edit.
std::string EditorView(std::string_view text);
std::string EditorSnippet(std::string_view text);

}  // namespace clawtrace::replay
