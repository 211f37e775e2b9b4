// Clients made with version 1 of the official TypeScript SDK, one after the other. They do what the plans say that are
// the program's argument, and print what they see, a line of JSON for each.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js';

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
        throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
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
        if (!(error instanceof McpError)) {
            throw error;
        }
        return { error: { code: error.code, message: error.message, data: error.data }, asked };
    }
}

async function run({ server, sampling, elicitation, calls }) {
    const capabilities = { ...(sampling && { sampling }), ...(elicitation && { elicitation }) };
    const client = new Client({ name: 'peer', version: '1.0.0' }, { capabilities });
    if (sampling) {
        client.setRequestHandler(CreateMessageRequestSchema, sample);
    }
    if (elicitation) {
        client.setRequestHandler(ElicitRequestSchema, elicit);
    }
    const { url } = server;
    const transport = url ? new StreamableHTTPClientTransport(new URL(url)) : new StdioClientTransport(server);
    let protocolVersion;
    // The client tells only its transport.
    const { setProtocolVersion } = transport;
    transport.setProtocolVersion = negotiated => {
        protocolVersion = negotiated;
        setProtocolVersion?.call(transport, negotiated);
    };
    await client.connect(transport);
    const { tools } = await client.listTools();
    const made = [];
    for (const call of calls) {
        made.push(await make(client, call));
    }
    console.log(JSON.stringify({ protocolVersion, tools: tools.map(tool => tool.name), calls: made }));
    await client.close();
}

for (const plan of JSON.parse(process.argv[2])) {
    await run(plan);
}
