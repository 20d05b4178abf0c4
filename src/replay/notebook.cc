#include <fmt/core.h>

#include <utility>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "replay/edits.h"

namespace clawtrace::replay {
namespace {

std::unexpected<Error> Refuse(std::string why) { return Fail(ErrorCode::kInvalidInput, std::move(why)); }

// JSON.stringify(value, null, 1).
class Layout {
 public:
  explicit Layout(std::string* out) : out_(*out) {}

  void Value(Json value) {
    if (value.is_object()) {
      Open('{');
      value.ForEachField([&](std::string_view key, Json member) {
        Key(key);
        Value(member);
      });
      Close('}');
    } else if (value.is_array()) {
      Open('[');
      value.ForEachItem([&](Json item) {
        Next();
        Value(item);
      });
      Close(']');
    } else if (value.kind() == Json::Kind::kDouble && !value.integer()) {
      out_ += fmt::format("{}", value.number().value_or(0));
    } else {
      value.AppendCanonical(&out_);
    }
  }

  void Open(char bracket) { out_ += bracket, ++depth_, empty_ = true; }
  void Close(char bracket) {
    --depth_;
    if (!empty_) Line();
    out_ += bracket, empty_ = false;
  }
  void Next() {
    if (!empty_) out_ += ',';
    empty_ = false;
    Line();
  }
  void Key(std::string_view key) {
    Next();
    AppendJsonString(key, &out_);
    out_ += ": ";
  }
  void Text(std::string_view key, std::string_view text) {
    Key(key);
    AppendJsonString(text, &out_);
  }
  void Raw(std::string_view key, std::string_view json) {
    Key(key);
    out_ += json;
  }

 private:
  void Line() { out_.append("\n").append(depth_, ' '); }

  std::string& out_;
  size_t depth_ = 0;
  bool empty_ = true;  // nothing since the last opened bracket
};

// The number of cells when there is no such cell.
size_t CellOf(Json cells, const Action& action) {
  size_t count = cells.size();
  if (!action.cell_id.empty()) {
    for (size_t i = 0; i < count; ++i) {
      if (cells.at(i)["id"].text() == action.cell_id) return i;
    }
    std::string_view id = action.cell_id;
    if (id.starts_with("cell-")) id.remove_prefix(5);
    if (auto number = ParseInt(id); number && *number >= 0)
      return std::min(static_cast<size_t>(*number), count);
    return count;
  }
  int64_t number = action.cell_number.value_or(0);
  return number >= 0 ? std::min(static_cast<size_t>(number), count) : count;
}

void WriteNewCell(const Action& action, bool with_id, Layout* layout) {
  std::string type = action.cell_type.empty() ? "code" : action.cell_type;
  layout->Next();
  layout->Open('{');
  layout->Text("cell_type", type);
  // The client draws it by lot.
  if (with_id) layout->Text("id", HexOf(Hash64(action.text)).substr(0, 8));
  layout->Raw("metadata", "{}");
  layout->Text("source", action.text);
  if (type == "code") layout->Raw("execution_count", "null"), layout->Raw("outputs", "[]");
  layout->Close('}');
}

void WriteChangedCell(Json cell, const Action& action, Layout* layout) {
  std::string_view type =
      action.cell_type.empty() ? cell["cell_type"].text() : std::string_view(action.cell_type);
  layout->Next();
  layout->Open('{');
  cell.ForEachField([&](std::string_view key, Json value) {
    if (key == "source") return layout->Text(key, action.text);
    if (key == "cell_type") return layout->Text(key, type);
    if (key == "execution_count" && type == "code") return layout->Raw(key, "null");
    if (key == "outputs" && type == "code") return layout->Raw(key, "[]");
    layout->Key(key);
    layout->Value(value);
  });
  if (!cell["source"]) layout->Text("source", action.text);
  layout->Close('}');
}

void WriteCells(Json cells, const Action& action, std::pair<size_t, bool> place_and_ids, Layout* layout) {
  auto [place, with_ids] = place_and_ids;
  size_t index = 0;
  layout->Open('[');
  auto insert_here = [&] {
    if (action.cell_mode == CellMode::kInsert && index == place) WriteNewCell(action, with_ids, layout);
  };
  cells.ForEachItem([&](Json cell) {
    insert_here();
    if (index != place || action.cell_mode == CellMode::kInsert) {
      layout->Next();
      layout->Value(cell);
    } else if (action.cell_mode == CellMode::kReplace) {
      WriteChangedCell(cell, action, layout);
    }
    ++index;
  });
  insert_here();
  layout->Close(']');
}

}  // namespace

Result<std::string> EditNotebook(std::string_view notebook, const Action& action) {
  JsonParser parser;
  auto parsed = parser.Parse(notebook);
  if (!parsed || !parsed->is_object()) return Refuse("not a notebook");
  Json cells = (*parsed)["cells"];
  if (!cells.is_array()) return Refuse("a notebook without cells");
  Action now = action;
  size_t count = cells.size(), place = CellOf(cells, action);
  bool named = !action.cell_id.empty() || action.cell_number.has_value();
  // Behind the cell that is named, else at the start.
  if (now.cell_mode == CellMode::kInsert) {
    if (named && place == count) return Refuse("no such cell");
    place = named ? place + 1 : 0;
  } else if (place == count) {
    if (now.cell_mode == CellMode::kDelete || !named) return Refuse("no such cell");
    now.cell_mode = CellMode::kInsert;  // replacing the one behind the last adds one
  }
  int64_t major = (*parsed)["nbformat"].integer().value_or(4),
          minor = (*parsed)["nbformat_minor"].integer().value_or(0);
  bool with_ids = major > 4 || (major == 4 && minor >= 5);
  std::string out;
  Layout layout(&out);
  layout.Open('{');
  parsed->ForEachField([&](std::string_view key, Json value) {
    layout.Key(key);
    if (key == "cells")
      WriteCells(cells, now, {place, with_ids}, &layout);
    else
      layout.Value(value);
  });
  layout.Close('}');
  return out;
}

}  // namespace clawtrace::replay
