// Clients made with the official TypeScript SDK, one after the other. They do what the plans say that are
// the program's argument, and print what they see, a line of JSON for each.

import { Client, ProtocolError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

const MODES = { legacy: 'legacy', modern: { pin: '2026-07-28' }, auto: 'auto' };

// The model and the user, and what they were asked in the present call.
let asked, model, user;

function sample({ params }) {
    asked.push(params);
    const answer = model.shift();
    if (answer === undefined) {
        const text = params.messages.at(-1).content.text.toUpperCase();
        return { role: 'assistant', model: 'shouter', content: { type: 'text', text } };
    }
    if (answer.error) {
        throw new ProtocolError(answer.error.code, answer.error.message);
    }
    return answer;
}

function elicit({ params }) {
    asked.push(params);
    return user[params.message];
}

// Makes a call of the plan. How did it end, and what was asked meanwhile?
async function make(client, call) {
    [asked, model, user] = [[], [...call.model], call.user];
    try {
        return { result: await client.callTool({ name: call.tool, arguments: call.arguments }), asked };
    } catch (error) {
        if (!(error instanceof ProtocolError)) {
            throw error;
        }
        return { error: { code: error.code, message: error.message, data: error.data }, asked };
    }
}

async function run({ server, era, sampling, elicitation, calls }) {
    const client = new Client(
        { name: 'peer', version: '1.0.0' },
        {
            capabilities: { ...(sampling && { sampling }), ...(elicitation && { elicitation }) },
            versionNegotiation: { mode: MODES[era] }
        }
    );
    if (sampling) {
        client.setRequestHandler('sampling/createMessage', sample);
    }
    if (elicitation) {
        client.setRequestHandler('elicitation/create', elicit);
    }
    const { url } = server;
    await client.connect(url ? new StreamableHTTPClientTransport(new URL(url)) : new StdioClientTransport(server));
    const { tools } = await client.listTools();
    const made = [];
    for (const call of calls) {
        made.push(await make(client, call));
    }
    const protocolVersion = client.getNegotiatedProtocolVersion();
    console.log(JSON.stringify({ protocolVersion, tools: tools.map(tool => tool.name), calls: made }));
    await client.close();
}

for (const plan of JSON.parse(process.argv[2])) {
    await run(plan);
}
