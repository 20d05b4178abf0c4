"""Writes sessions as the logs of three clients: pi (session version 3), Claude Code, Codex CLI."""
import json
import uuid

BASE_MS = 1_795_233_300_000


class Ids:
    """Ids and times of one log, the same for the same session."""

    def __init__(self, rng):
        self.rng, self.ms = rng, BASE_MS

    def hex(self, digits):
        return f"{self.rng.getrandbits(4 * digits):0{digits}x}"

    def uuid(self):
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def tick(self):
        self.ms += self.rng.randrange(20, 900)
        seconds, ms = divmod(self.ms, 1000)
        day, clock = divmod(seconds - 1795219200, 86400)
        return f"2026-11-{21 + day:02}T{clock // 3600:02}:{clock // 60 % 60:02}:{clock % 60:02}.{ms:03}Z"


def tokens(text):
    return len(text) // 4 + 1


class Usage:
    """A prompt that grows with all that is said; the earlier part is read from the cache."""

    def __init__(self, base):
        self.read, self.new, self.total_in, self.total_out = 0, base, 0, 0

    def call(self, out_text):
        usage = (self.read, self.new, tokens(out_text))
        self.total_in += self.read + self.new
        self.total_out += usage[2]
        self.read, self.new = self.read + self.new, usage[2]
        return usage

    def hear(self, text):
        self.new += tokens(text)


def quoted(text):
    return json.dumps(text, ensure_ascii=False)


class Pi:
    name = "pi"

    @staticmethod
    def tool(step, _):
        match step.op:
            case "exec":
                return "bash", {"command": step.command}
            case "read":
                return "read", {"path": step.path}
            case "write":
                return "write", {"path": step.path, "content": step.content}
            case "edit":
                return "edit", {"path": step.path, "edits": [{"oldText": step.old, "newText": step.new}]}
            case _:
                return "bash", {"command": f"echo 'Plan: {step.content}'"}

    @staticmethod
    def result(step, outcome):
        match step.op:
            case "exec":
                if outcome.ok:
                    return outcome.output or "(no output)"
                return (outcome.output or "(no output)") + f"\n\nCommand exited with code {outcome.code}"
            case "read":
                return outcome.output
            case "write":
                return f"Successfully wrote {len(step.content.encode())} bytes to {step.path}"
            case "edit":
                return f"Successfully replaced 1 block(s) in {step.path}."
            case _:
                return f"Plan: {step.content}\n"

    def write(self, session, folder, ids):
        usage, parent, lines = Usage(2400), None, []

        def add(kind, **fields):
            nonlocal parent
            own = ids.hex(8)
            lines.append({"type": kind, "id": own, "parentId": parent, "timestamp": ids.tick(), **fields})
            parent = own

        def message(**fields):
            add("message", message={**fields, "timestamp": ids.ms})

        lines.append({"type": "session", "version": 3, "id": session.id, "timestamp": ids.tick(), "cwd": session.cwd})
        add("model_change", provider="mock", modelId="demo-coder")
        add("thinking_level_change", thinkingLevel="off")
        message(role="user", content=[{"type": "text", "text": session.prompt}])
        usage.hear(session.prompt)
        for number, turn in enumerate(session.turns):
            content = [{"type": "text", "text": turn.say}] if turn.say else []
            for step in turn.steps:
                name, args = self.tool(step, session)
                content.append({"type": "toolCall", "id": step.id, "name": name, "arguments": args})
            read, new, out = usage.call(quoted(content))
            cost = {"input": new * 1.25e-6, "output": out * 1e-5, "cacheRead": read * 1.25e-7, "cacheWrite": 0}
            cost["total"] = sum(cost.values())
            message(role="assistant", content=content, api="openai-completions", provider="mock", model="demo-coder",
                    usage={"input": new, "output": out, "cacheRead": read, "cacheWrite": 0,
                           "totalTokens": read + new + out, "cost": cost},
                    stopReason="toolUse" if turn.steps else "stop", responseId=f"chatcmpl-mock-{number + 1}")
            for step in turn.steps:
                text = self.result(step, step.outcome)
                usage.hear(text)
                message(role="toolResult", toolCallId=step.id, toolName=self.tool(step, session)[0],
                        content=[{"type": "text", "text": text}], isError=not step.outcome.ok)
        path = folder / f"2026-11-21T03-55-00-000Z_{session.id}.jsonl"
        path.write_text("".join(quoted(line) + "\n" for line in lines))
        return path


class ClaudeCode:
    name = "claude-code"

    @staticmethod
    def tool(step, session):
        at = f"{session.cwd}/{step.path}"
        match step.op:
            case "exec":
                words = "Run " + " ".join(step.command.split("\n")[0].split()[:3])
                return "Bash", {"command": step.command, "description": words[:60]}
            case "read":
                return "Read", {"file_path": at}
            case "write":
                return "Write", {"file_path": at, "content": step.content}
            case "edit":
                return "Edit", {"file_path": at, "old_string": step.old, "new_string": step.new}
            case "spawn":
                return "Agent", {"description": "Look it over", "subagent_type": "general-purpose", "prompt": step.content}
            case _:
                return "TaskCreate", {"subject": step.content[:60], "description": step.content}

    @staticmethod
    def result(step, outcome, session):
        """What the model saw, and what the client keeps besides."""
        at, text = f"{session.cwd}/{step.path}", outcome.output
        current = "(file state is current in your context — no need to Read it back)"
        match step.op:
            case "exec":
                text = text.rstrip("\n")
                if not outcome.ok:
                    text = f"Exit code {outcome.code}" + ("\n" + text if text else "")
                    return text, "Error: " + text
                kept = {"stdout": text, "stderr": "", "interrupted": False, "isImage": False, "noOutputExpected": False}
                return text or "(Bash completed with no output)", kept
            case "read":
                numbered = "".join(f"{n}\t{line}\n" for n, line in enumerate(text.split("\n"), 1))[:-1]
                count = len(text.split("\n"))
                return numbered, {"type": "text", "file": {"filePath": at, "content": text, "numLines": count,
                                                           "startLine": 1, "totalLines": count}}
            case "write" if step.creates:
                return (f"File created successfully at: {at} {current}",
                        {"type": "create", "filePath": at, "content": step.content, "structuredPatch": [],
                         "originalFile": None, "userModified": False})
            case "write":
                return (f"The file {at} has been updated successfully. {current}",
                        {"type": "update", "filePath": at, "content": step.content, "structuredPatch": [],
                         "userModified": False})
            case "edit":
                return (f"The file {at} has been updated successfully. {current}",
                        {"filePath": at, "oldString": step.old, "newString": step.new, "structuredPatch": [],
                         "userModified": False, "replaceAll": False})
            case "spawn":
                return ([{"type": "text", "text": text}],
                        {"status": "completed", "prompt": step.content, "agentId": "a" + session.id[:16].replace("-", ""),
                         "agentType": "general-purpose", "content": [{"type": "text", "text": text}],
                         "totalDurationMs": 1189, "totalTokens": 6994, "totalToolUseCount": 3})
            case _:
                return f"Task #1 created successfully: {step.content}", {"task": {"id": "1", "subject": step.content[:60]}}

    def write(self, session, folder, ids):
        usage, parent, lines, prompt_id = Usage(15000), None, [], ids.uuid()
        model = "claude-sonnet-4-5-20250929"

        def add(kind, **fields):
            nonlocal parent
            own = ids.uuid()
            lines.append({"parentUuid": parent, "isSidechain": False, **fields, "type": kind, "uuid": own,
                          "timestamp": ids.tick(), "userType": "external", "entrypoint": "sdk-cli", "cwd": session.cwd,
                          "sessionId": session.id, "version": "2.1.197", "gitBranch": "main"})
            parent = own

        add("user", promptId=prompt_id, message={"role": "user", "content": session.prompt})
        for number, turn in enumerate(session.turns):
            content = [{"type": "text", "text": turn.say}] if turn.say else []
            for step in turn.steps:
                name, args = self.tool(step, session)
                content.append({"type": "tool_use", "id": step.id, "name": name, "input": args})
            read, new, out = usage.call(quoted(content))
            for part in content:
                add("assistant", message={
                    "id": f"msg_mock_{number + 2}", "type": "message", "role": "assistant", "model": model,
                    "content": [part], "stop_reason": "tool_use" if turn.steps else "end_turn", "stop_sequence": None,
                    "usage": {"input_tokens": 4, "cache_creation_input_tokens": new, "cache_read_input_tokens": read,
                              "output_tokens": out, "service_tier": "standard",
                              "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": new}}},
                    requestId=f"req_mock_{number + 2}")
            for step in turn.steps:
                text, kept = self.result(step, step.outcome, session)
                usage.hear(quoted(text))
                block = {"tool_use_id": step.id, "type": "tool_result", "content": text}
                if step.op == "exec":
                    block["is_error"] = not step.outcome.ok
                add("user", promptId=prompt_id, message={"role": "user", "content": [block]}, toolUseResult=kept)
        folder = folder / session.cwd.replace("/", "-")
        folder.mkdir()
        path = folder / f"{session.id}.jsonl"
        path.write_text("".join(quoted(line) + "\n" for line in lines))
        return path


class Codex:
    name = "codex"

    @staticmethod
    def patch(step):
        marked = lambda mark, text: "".join(f"{mark}{line}\n" for line in text.removesuffix("\n").split("\n"))
        if step.op == "edit":
            body = f"*** Update File: {step.path}\n@@\n" + marked("-", step.old) + marked("+", step.new)
        else:
            body = f"*** Add File: {step.path}\n" + marked("+", step.content)
        return f"*** Begin Patch\n{body}*** End Patch"

    @staticmethod
    def command(step):
        match step.op:
            case "exec":
                return step.command
            case "read":
                return f"cat {step.path}"
            case "write":
                return f"cat > {step.path} <<'END_OF_FILE'\n{step.content}END_OF_FILE"
            case _:
                return f"echo 'Plan: {step.content}'"

    def patches(self, step):
        return step.op == "edit" or (step.op == "write" and step.creates)

    def write(self, session, folder, ids):
        usage, lines = Usage(16000), []
        turn_id = ids.uuid()

        def add(kind, **payload):
            lines.append({"timestamp": ids.tick(), "ordinal": len(lines), "type": kind, "payload": payload})

        def done(**item):
            add("event_msg", type="item_completed", thread_id=session.id, turn_id=turn_id, item=item,
                started_at_ms=ids.ms, completed_at_ms=ids.ms)

        add("session_meta", session_id=session.id, id=session.id, timestamp="2026-11-21T03:55:00.000Z", cwd=session.cwd,
            originator="codex_exec", cli_version="0.169.0", source="exec", model_provider="mock")
        add("event_msg", type="task_started", turn_id=turn_id, model_context_window=258400)
        add("turn_context", turn_id=turn_id, cwd=session.cwd, approval_policy="never", model="gpt-5.5", summary="none",
            sandbox_policy={"type": "danger-full-access"})
        add("response_item", type="message", id=f"msg_{ids.uuid()}", role="user",
            content=[{"type": "input_text", "text": session.prompt}])
        done(type="UserMessage", id=ids.uuid(), content=[{"type": "text", "text": session.prompt, "text_elements": []}])
        for number, turn in enumerate(session.turns, 2):
            said = turn.say + "".join(self.patch(s) if self.patches(s) else self.command(s) for s in turn.steps)
            read, new, out = usage.call(said)
            if turn.say:
                done(type="AgentMessage", id=f"msg_mock_{number}", content=[{"type": "Text", "text": turn.say}])
                add("response_item", type="message", status="completed", id=f"msg_mock_{number}", role="assistant",
                    content=[{"type": "output_text", "text": turn.say, "annotations": [], "logprobs": []}])
            for step in turn.steps:
                if self.patches(step):
                    add("response_item", type="custom_tool_call", id=f"ctc_{step.id}", status="completed",
                        call_id=step.id, name="apply_patch", input=self.patch(step))
                else:
                    add("response_item", type="function_call", status="completed", id=f"fc_{step.id}",
                        name="exec_command", arguments=quoted({"cmd": self.command(step)}), call_id=step.id)
            last = {"input_tokens": read + new, "cached_input_tokens": read, "cache_write_input_tokens": 0,
                    "output_tokens": out, "reasoning_output_tokens": 0, "total_tokens": read + new + out}
            total = {**last, "input_tokens": usage.total_in, "output_tokens": usage.total_out,
                     "total_tokens": usage.total_in + usage.total_out}
            add("token_usage_record", thread_id=session.id, turn_id=turn_id, session_id=session.id,
                response_id=f"resp_mock_{number}", usage=last, turn_token_usage=total, thread_token_usage=total)
            for step in turn.steps:
                self.answer(step, session, usage, add, done, ids)
            add("event_msg", type="token_count", info={"total_token_usage": total, "last_token_usage": last,
                                                       "model_context_window": 258400})
        add("event_msg", type="task_complete", turn_id=turn_id, last_agent_message=session.turns[-1].say)
        folder = folder / "2026/11/21"
        folder.mkdir(parents=True)
        path = folder / f"rollout-2026-11-21T03-55-00-{session.id}.jsonl"
        path.write_text("".join(quoted(line) + "\n" for line in lines))
        return path

    def answer(self, step, session, usage, add, done, ids):
        outcome = step.outcome
        if self.patches(step):
            letter, kind = ("M", "update") if step.op == "edit" else ("A", "add")
            said = f"Success. Updated the following files:\n{letter} {step.path}\n"
            done(type="FileChange", id=step.id, changes={f"{session.cwd}/{step.path}": {"type": kind}},
                 status="completed", stdout=said, stderr="")
            add("response_item", type="custom_tool_call_output", id=f"ctco_{ids.uuid()}", call_id=step.id,
                output=f"Exit code: 0\nWall time: 0 seconds\nOutput:\n{said}")
            usage.hear(said)
            return
        command = self.command(step)
        text = f"Plan: {step.content}\n" if step.op == "plan" else outcome.output
        done(type="CommandExecution", id=step.id, process_id=str(ids.rng.randrange(1000, 99999)),
             command=["/bin/bash", "-lc", command], cwd="file://" + session.cwd,
             parsed_cmd=[{"type": "unknown", "cmd": command}], source="unified_exec_startup",
             status="completed" if outcome.ok else "failed", aggregated_output=text, exit_code=outcome.code,
             duration={"secs": 0, "nanos": 5300})
        add("response_item", type="function_call_output", id=f"fco_{ids.uuid()}", call_id=step.id,
            output=f"Chunk ID: {ids.hex(6)}\nWall time: 0.0000 seconds\nProcess exited with code {outcome.code}\n"
                   f"Original token count: {tokens(text)}\nOutput:\n{text}")
        usage.hear(text)


CLIENTS = (Pi(), ClaudeCode(), Codex())
