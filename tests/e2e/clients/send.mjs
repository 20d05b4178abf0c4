// One run of a scripted agent, told by a released client: node send.mjs CLIENT HTTP_URL GRPC_URL SESSION
// Three calls of a model, two tools, one of them failing; then exit. Prints what a card must say.
import { trace, context, SpanStatusCode } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { NodeTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-node';

const [client, http, grpc, session] = process.argv.slice(2);
const resource = resourceFromAttributes({ 'service.name': `e2e-${client}`, 'session.id': session });

async function exporter() {
  if (client === 'http-json')
    return new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter({ url: `${http}/v1/traces` });
  if (client === 'grpc' || client === 'grpc-gzip') {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-grpc');
    return new OTLPTraceExporter({ url: grpc, ...(client === 'grpc-gzip' ? { compression: 'gzip' } : {}) });
  }
  const compression = client === 'proto-gzip' ? { compression: 'gzip' } : {};
  return new (await import('@opentelemetry/exporter-trace-otlp-proto')).OTLPTraceExporter({ url: `${http}/v1/traces`, ...compression });
}

const provider = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(await exporter(), { maxExportBatchSize: 3 })] });
provider.register();

// Spans by hand, with the attributes of the GenAI conventions.
async function semanticConventions() {
  const tracer = trace.getTracer('e2e', '1.0.0');
  const agent = tracer.startSpan('invoke_agent demo', { attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'demo' } });
  const within = trace.setSpan(context.active(), agent);
  for (let call = 0; call < 3; ++call) {
    const span = tracer.startSpan('chat gpt-5.1', { kind: 2, attributes: {
      'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', 'gen_ai.request.model': 'gpt-5.1', 'gen_ai.response.model': 'gpt-5.1',
      'gen_ai.response.id': `resp-${session}-${call}`, 'gen_ai.usage.input_tokens': 1000 + call, 'gen_ai.usage.output_tokens': 50,
      'gen_ai.input.messages': JSON.stringify([{ role: 'user', parts: [{ type: 'text', content: 'Count the orders.' }] }]),
      'gen_ai.output.messages': JSON.stringify([{ role: 'assistant', parts: call < 2 ? [{ type: 'tool_call', id: `call-${call}`, name: 'exec', arguments: { command: `step ${call}` } }] : [{ type: 'text', content: 'Done.' }] }]),
    } }, within);
    span.end();
    if (call === 2) break;
    const tool = tracer.startSpan('execute_tool exec', { attributes: {
      'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'exec', 'gen_ai.tool.call.id': `call-${call}`,
      'gen_ai.tool.call.arguments': JSON.stringify({ command: `step ${call}` }), 'gen_ai.tool.call.result': call ? 'no such file' : 'ok',
    } }, within);
    if (call) tool.setStatus({ code: SpanStatusCode.ERROR, message: 'no such file' });
    tool.end();
  }
  agent.end();
  return { llm_call_count: 3, tool_call_count: 2, input: 3003, output: 150 };
}

// The AI SDK with its own instrumentation and a model that answers from a script.
async function aiSdk() {
  const { generateText, tool, stepCountIs, registerTelemetry } = await import('ai');
  const { MockLanguageModelV4, MockLanguageModelV3 } = await import('ai/test');
  const otel = await import('@ai-sdk/otel');
  const { z } = await import('zod');
  registerTelemetry(new otel.OpenTelemetry());
  let turn = 0;
  const doGenerate = async () => {
    const call = turn++;
    return {
      content: call < 2 ? [{ type: 'tool-call', toolCallId: `call-${call}`, toolName: 'exec', input: JSON.stringify({ command: `step ${call}` }) }] : [{ type: 'text', text: 'Done.' }],
      finishReason: call < 2 ? { unified: 'tool-calls', raw: 'tool_calls' } : { unified: 'stop', raw: 'stop' },
      usage: { inputTokens: { total: 1000 + call, noCache: 1000 + call, cacheRead: 0, cacheWrite: 0 }, outputTokens: { total: 50, text: 50, reasoning: 0 } },
      response: { id: `resp-${session}-${call}`, modelId: 'gpt-5.1', timestamp: new Date() }, warnings: [],
    };
  };
  const Model = MockLanguageModelV4 ?? MockLanguageModelV3;
  const model = new Model({ provider: 'openai', modelId: 'gpt-5.1', doGenerate });
  const exec = tool({ description: 'Runs a command.', inputSchema: z.object({ command: z.string() }), execute: async ({ command }) => { if (command === 'step 1') throw new Error('no such file'); return 'ok'; } });
  await generateText({ model, prompt: 'Count the orders.', tools: { exec }, stopWhen: stepCountIs(5), telemetry: { isEnabled: true }, experimental_telemetry: { isEnabled: true } });
  return { llm_call_count: 3, tool_call_count: 2, input: 3003, output: 150 };
}

// OpenInference's instrumentation of the OpenAI client, whose requests are answered here.
async function openInference() {
  const { default: OpenAI } = await import('openai');
  const { OpenAIInstrumentation } = await import('@arizeai/openinference-instrumentation-openai');
  const instrumentation = new OpenAIInstrumentation({ tracerProvider: provider });
  instrumentation.manuallyInstrument(OpenAI);
  let turn = 0;
  const fetch = async () => {
    const call = turn++;
    return new Response(JSON.stringify({
      id: `resp-${session}-${call}`, object: 'chat.completion', created: 1, model: 'gpt-5.1',
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: `Answer ${call}.` } }],
      usage: { prompt_tokens: 1000 + call, completion_tokens: 50, total_tokens: 1050 + call, prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0 } },
    }), { headers: { 'content-type': 'application/json' } });
  };
  const openai = new OpenAI({ apiKey: 'demo-not-a-key', baseURL: 'http://127.0.0.1:1/v1', fetch });
  const agent = trace.getTracer('e2e').startSpan('agent', { attributes: { 'openinference.span.kind': 'AGENT', 'session.id': session } });
  await context.with(trace.setSpan(context.active(), agent), async () => {
    for (let call = 0; call < 3; ++call)
      await openai.chat.completions.create({ model: 'gpt-5.1', messages: [{ role: 'user', content: `Question ${call}?` }] });
  });
  agent.end();
  return { llm_call_count: 3, tool_call_count: 0, input: 3003, output: 150 };
}

const expected = await (client === 'ai-sdk' ? aiSdk() : client === 'openinference' ? openInference() : semanticConventions());
await provider.forceFlush();
await provider.shutdown();
console.log(JSON.stringify(expected));
