#include "replay/task_words.h"

#include "base/text.h"
#include "replay/content.h"

namespace clawtrace::replay {

TaskWords::TaskWords(const Session& session) {
  Add(session.prompt, session.info.cwd);
  for (const std::string& later : session.later_prompts) Add(later, session.info.cwd);
}

void TaskWords::Add(std::string_view said, std::string_view cwd) {
  std::string prompt = PlainText(said, cwd);
  std::vector<Piece> pieces = PiecesOf(prompt);
  for (size_t i = 0; i < pieces.size(); ++i) {
    words_.insert(ToLower(std::string_view(prompt).substr(pieces[i].begin, pieces[i].size)));
    if (pieces[i].kind == PieceKind::kComposite) i += pieces[i].parts;
  }
}

bool TaskWords::NameFile(std::string_view path) const {
  std::string lower = ToLower(path);
  size_t slash = lower.rfind('/');
  return words_.contains(lower) ||
         (slash != std::string::npos && words_.contains(std::string_view(lower).substr(slash + 1)));
}

bool TaskWords::Name(std::string_view path) const {
  if (NameFile(path)) return true;
  std::string lower = ToLower(path);
  for (size_t slash = lower.rfind('/'); slash != std::string::npos && slash > 0;
       slash = lower.rfind('/', slash - 1)) {
    if (words_.contains(std::string_view(lower).substr(0, slash))) return true;
  }
  return false;
}

}  // namespace clawtrace::replay
