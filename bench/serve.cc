// Durable ingest through the front door: a `clawtrace serve` of its own gets OTLP/HTTP protobuf requests of
// spans with 2 KB of text each over a few connections, each sending its next request when the last is
// answered.
//   bench_serve CLAWTRACE [SPANS] [CONNECTIONS] [SPANS_A_REQUEST]
// Prints spans a second, how long acknowledgements took, the server's own CPU time a span (until the last
// acknowledgement, and until the full-text index has caught up) and its memory.
#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr size_t kText = 2048;

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) *out += static_cast<char>(value | 0x80);
  *out += static_cast<char>(value);
}
std::string Field(uint32_t number, const std::string& bytes) {
  std::string out;
  AppendVarint(number << 3 | 2, &out);
  AppendVarint(bytes.size(), &out);
  return out + bytes;
}
std::string Fixed64(uint32_t number, uint64_t value) {
  std::string out;
  AppendVarint(number << 3 | 1, &out);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
  return out;
}
std::string Text(const std::string& key, const std::string& value) {
  return Field(9, Field(1, key) + Field(2, Field(1, value)));
}
std::string Number(const std::string& key, uint64_t value) {
  std::string any = "\x18";
  AppendVarint(value, &any);
  return Field(9, Field(1, key) + Field(2, any));
}

// Words with the spread of prose, so that compression has honest work.
std::string Prose(std::mt19937* random, size_t size) {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> made;
    std::mt19937 letters(1);
    for (int i = 0; i < 4000; ++i) {
      std::string word;
      for (uint64_t n = 2 + letters() % 9; n > 0; --n) word += static_cast<char>('a' + letters() % 26);
      made.push_back(word);
    }
    return made;
  }();
  std::string text;
  while (text.size() < size) text += words[std::min((*random)() % 4000, (*random)() % 4000)] + " ";
  text.resize(size);
  return text;
}

std::string Id(std::mt19937* random, size_t size) {
  std::string id(size, '\1');
  for (char& c : id) c = static_cast<char>(1 + (*random)() % 255);
  return id;
}

// One session's calls; each request is new.
std::string Request(std::mt19937* random, int spans) {
  std::string list, trace = Id(random, 16);
  uint64_t start = 1795229485719000000;
  for (int i = 0; i < spans; ++i) {
    std::string messages =
        R"([{"role":"user","parts":[{"type":"text","content":")" + Prose(random, kText) + R"("}]}])";
    std::string span = Field(1, trace) + Field(2, Id(random, 8)) + Field(5, "chat gpt-5") +
                       Fixed64(7, start + 1'000'000ull * i) + Fixed64(8, start + 1'000'000ull * i + 500'000) +
                       Text("gen_ai.operation.name", "chat") + Text("gen_ai.request.model", "gpt-5") +
                       Text("gen_ai.input.messages", messages) + Number("gen_ai.usage.input_tokens", 700) +
                       Number("gen_ai.usage.output_tokens", 20);
    list += Field(2, span);
  }
  std::string body =
      Field(1, Field(1, Field(1, Field(1, "service.name") + Field(2, Field(1, "bench")))) + Field(2, list));
  return "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
         "application/x-protobuf\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Server {
  pid_t pid = 0;
  uint16_t port = 0;
};

Server Start(const char* program, const std::string& folder) {
  int out[2];
  if (pipe(out) != 0) return {};
  pid_t pid = fork();
  if (pid == 0) {
    dup2(out[1], STDOUT_FILENO);
    std::string store = folder + "/store.db";
    execl(program, program, "serve", "--store", store.c_str(), "--port", "0", "--grpc-port", "0",
          static_cast<char*>(nullptr));
    _exit(127);
  }
  close(out[1]);
  std::string line;
  for (char c; read(out[0], &c, 1) == 1 && c != '\n';) line += c;
  size_t colon = line.rfind(':');
  if (colon == std::string::npos) return {};
  return {pid, static_cast<uint16_t>(std::stoi(line.substr(colon + 1)))};
}

double CpuSeconds(pid_t pid) {
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string text((std::istreambuf_iterator<char>(stat)), std::istreambuf_iterator<char>());
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  double user = 0, system = 0;
  rest >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::string Status(pid_t pid, const std::string& key) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return line.substr(key.size() + 1);
  }
  return "";
}

struct Client {
  int fd = -1;
  std::string request;
  size_t sent = 0;
  Clock::time_point begun;
  std::string answer;
};

int Connect(uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET, address.sin_port = htons(port),
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ? fd : -1;
}

std::string Metric(uint16_t port, const std::string& name) {
  int fd = Connect(port);
  std::string ask = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", all;
  if (write(fd, ask.data(), ask.size()) < 0) return "";
  char room[65536];
  for (ssize_t got; (got = read(fd, room, sizeof room)) > 0;) all.append(room, static_cast<size_t>(got));
  close(fd);
  size_t at = all.find("\n" + name + " ");
  return at == std::string::npos
             ? ""
             : all.substr(at + name.size() + 2, all.find('\n', at + 1) - at - name.size() - 2);
}

// What came of it.
struct Outcome {
  std::vector<double> waited_ms;  // sorted
  size_t failed = 0;
  double seconds = 0;
};

class Load {
 public:
  Load(uint16_t port, size_t connections, std::vector<std::string> requests)
      : requests_(std::move(requests)), clients_(connections) {
    for (Client& client : clients_) client.fd = Connect(port);
  }

  Outcome Run() {
    auto start = Clock::now();
    for (Client& client : clients_) Begin(&client);
    std::vector<pollfd> polls(clients_.size());
    while (open_ > 0) {
      for (size_t i = 0; i < clients_.size(); ++i) {
        const Client& client = clients_[i];
        bool sending = client.sent < client.request.size();
        polls[i] = {client.request.empty() ? -1 : client.fd, static_cast<short>(sending ? POLLOUT : POLLIN),
                    0};
      }
      poll(polls.data(), polls.size(), 1000);
      for (size_t i = 0; i < clients_.size(); ++i) {
        if (polls[i].revents & POLLOUT)
          Send(&clients_[i]);
        else if (polls[i].revents & POLLIN)
          Receive(&clients_[i]);
      }
    }
    outcome_.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    std::sort(outcome_.waited_ms.begin(), outcome_.waited_ms.end());
    return std::move(outcome_);
  }

 private:
  void Begin(Client* client) {
    client->request.clear();
    if (next_ == requests_.size()) return;
    client->request = std::move(requests_[next_++]);
    client->sent = 0, client->answer.clear(), client->begun = Clock::now();
    ++open_;
  }
  static void Send(Client* client) {
    ssize_t sent = send(client->fd, client->request.data() + client->sent,
                        client->request.size() - client->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) client->sent += static_cast<size_t>(sent);
  }
  void Receive(Client* client) {
    char room[4096];
    ssize_t got = recv(client->fd, room, sizeof room, 0);
    if (got > 0) client->answer.append(room, static_cast<size_t>(got));
    if (got > 0 && client->answer.find("\r\n\r\n") == std::string::npos) return;
    outcome_.failed += !client->answer.starts_with("HTTP/1.1 200");
    outcome_.waited_ms.push_back(
        std::chrono::duration<double, std::milli>(Clock::now() - client->begun).count());
    --open_;
    Begin(client);
  }

  std::vector<std::string> requests_;
  std::vector<Client> clients_;
  size_t next_ = 0, open_ = 0;
  Outcome outcome_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2)
    return fmt::print(stderr, "usage: bench_serve CLAWTRACE [SPANS] [CONNECTIONS] [SPANS_A_REQUEST]\n"), 2;
  int spans = argc > 2 ? std::stoi(argv[2]) : 200'000, connections = argc > 3 ? std::stoi(argv[3]) : 8;
  int each = argc > 4 ? std::stoi(argv[4]) : 100;
  std::string folder = (fs::temp_directory_path() / fmt::format("ct_bench_serve_{}", getpid())).string();
  fs::create_directories(folder);
  Server server = Start(argv[1], folder);
  if (server.port == 0) return fmt::print(stderr, "the server did not start\n"), 1;

  // Made before the clock runs: the generator shares the machine.
  std::mt19937 random(7);
  std::vector<std::string> requests;
  for (int left = spans; left > 0; left -= each) requests.push_back(Request(&random, std::min(each, left)));
  Load load(server.port, static_cast<size_t>(connections), std::move(requests));
  double before = CpuSeconds(server.pid);
  Outcome outcome = load.Run();
  double cpu = CpuSeconds(server.pid) - before;
  double commits = std::stod("0" + Metric(server.port, "clawtrace_store_commits_total"));
  fmt::print("spans={} requests={} failed={} seconds={:.2f}\n", spans, outcome.waited_ms.size(),
             outcome.failed, outcome.seconds);
  fmt::print("spans_per_second={:.0f}\nack_ms p50={:.1f} p99={:.1f} max={:.1f}\n", spans / outcome.seconds,
             outcome.waited_ms[outcome.waited_ms.size() / 2],
             outcome.waited_ms[outcome.waited_ms.size() * 99 / 100], outcome.waited_ms.back());
  fmt::print("server_cpu_us_per_span={:.1f}\nrequests_per_sync={:.1f}\npeak_memory={}\n", cpu * 1e6 / spans,
             static_cast<double>(outcome.waited_ms.size()) / std::max(1.0, commits),
             Status(server.pid, "VmHWM:"));
  auto caught_up = Clock::now();
  while (Metric(server.port, "clawtrace_store_text_behind") != "0" &&
         Clock::now() - caught_up < std::chrono::seconds(120))
    usleep(200'000);
  double indexed = CpuSeconds(server.pid) - before;
  fmt::print("full_text_behind_seconds={:.1f}\nserver_cpu_us_per_span_with_index={:.1f}\n",
             std::chrono::duration<double>(Clock::now() - caught_up).count(), indexed * 1e6 / spans);
  kill(server.pid, SIGTERM);
  int status = 0;
  waitpid(server.pid, &status, 0);
  fs::remove_all(folder);
  return outcome.failed == 0 && status == 0 ? 0 : 1;
}
