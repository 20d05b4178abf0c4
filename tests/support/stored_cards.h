#pragma once
// Cards of files and of stores, to be compared.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "cli/corpus.h"
#include "history/history.h"
#include "store/sqlite_store.h"
#include "support/data.h"

namespace clawtrace::test {

namespace fs = std::filesystem;

inline const PriceBook& Book() {
  static const PriceBook book = *PriceBook::FromTsv(*ReadFile(SourceDir() / "data/prices.tsv"), "prices.tsv");
  return book;
}

inline constexpr std::string_view kTenant = "local";

using Cards = std::map<std::pair<std::string, std::string>, std::string>;  // by id and agent

inline Cards CardsOfFiles(const fs::path& folder) {
  std::ostringstream talk;
  cli::World world;
  world.out = world.err = &talk;
  world.threads = 2;
  Cards cards;
  auto all = cli::CompileAll({folder.string()}, Book(), world);
  if (!all) return cards;
  for (cli::Compiled& item : *all) {
    const auto& notes = item.card.coverage->notes;
    // A file without any usable record has no fact, and no session in a store.
    if (std::ranges::find(notes, "no_usable_record") != notes.end()) continue;
    cards[{item.card.session_id, item.card.agent}] = EncodeCard(item.card, DocFormat::kYaml);
  }
  return cards;
}

inline std::unique_ptr<store::Store> NewStore(const fs::path& path) {
  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(path.string() + suffix);
  store::SqliteOptions options;
  options.path = path, options.secret = "sixteen bytes and more";
  options.commit_window_us = 0;
  auto opened = store::OpenSqliteStore(options);
  EXPECT_TRUE(opened) << opened.error().message;
  return opened ? std::move(*opened) : nullptr;
}

inline Cards CardsOfStore(store::Store& store) {
  history::HistoryOptions options{&Book(), "test", std::string(kTenant)};
  for (;;) {
    auto compiled = history::CompileChanged(store, options, INT64_MAX, 100);
    EXPECT_TRUE(compiled) << compiled.error().message;
    if (!compiled || *compiled == 0) break;
  }
  Cards cards;
  store::ListRequest request;
  do {
    auto page = history::ListSessions(store, kTenant, request);
    EXPECT_TRUE(page) << page.error().message;
    if (!page) break;
    for (const history::SessionView& view : page->sessions) {
      auto card = history::ReadCard(store, kTenant, history::KeyOf(view));
      EXPECT_TRUE(card) << card.error().message;
      if (card) cards[{card->session_id, card->agent}] = EncodeCard(*card, DocFormat::kYaml);
    }
    request.cursor = page->next;
  } while (!request.cursor.empty());
  return cards;
}

inline std::vector<fs::path> FoldersBelow(const fs::path& root, int depth) {
  std::vector<fs::path> folders;
  if (!fs::is_directory(root)) return folders;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (!entry.is_directory()) continue;
    if (depth == 1)
      folders.push_back(entry.path());
    else
      std::ranges::move(FoldersBelow(entry.path(), depth - 1), std::back_inserter(folders));
  }
  std::ranges::sort(folders);
  return folders;
}

}  // namespace clawtrace::test
