/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The Lua scripts (see ngx_stentor_leader_scripts.h).  Values:
 *
 *     hash of nodes    id -> "EXPIRES_MS JSON", by Redis's own clock
 *     lease            "EPOCH FED NODE URL", gone when its time is over
 *     epoch            the last one that was given out, for a day
 *
 * They are of Lua 5.1, and of what Redis 6 and 7 and Valkey have in common.
 */

#include "ngx_stentor_leader_scripts.h"


/* Calls a command; its error is raised as a string.  A whole number is written
 * out: Lua would do 1e+15. */

#define NGX_STENTOR_SCRIPT_BASE                                               \
    "local function call(...)\n"                                              \
    "    local reply = redis.pcall(...)\n"                                    \
    "    if type(reply) == 'table' and reply.err then\n"                      \
    "        error(reply.err, 0)\n"                                           \
    "    end\n"                                                               \
    "    return reply\n"                                                      \
    "end\n"                                                                   \
    "\n"                                                                      \
    "local function whole(n)\n"                                               \
    "    return string.format('%.0f', n)\n"                                   \
    "end\n"                                                                   \
    "\n"                                                                      \
    "local function replica(err)\n"                                           \
    "    return string.find(tostring(err), '^READONLY')\n"                    \
    "end\n"                                                                   \
    "\n"


const char  *ngx_stentor_scripts[NGX_STENTOR_SCRIPTS] = {

    NGX_STENTOR_SCRIPT_BASE
    "local nodes, me, json = KEYS[1], ARGV[1], ARGV[2]\n"
    "local ttl, most = tonumber(ARGV[3]), tonumber(ARGV[4])\n"
    "local time = redis.call('TIME')\n"
    "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"
    "local live, n = {''}, 0\n"
    "\n"
    "local function beat()\n"
    "    call('HSET', nodes, me, whole(now + ttl) .. ' ' .. json)\n"
    "    call('PEXPIRE', nodes, whole(20 * ttl))\n"
    "end\n"
    "\n"
    "local function list()\n"
    "    local all = call('HGETALL', nodes)\n"
    "    for i = 1, #all, 2 do\n"
    "        local expires, text = string.match(all[i + 1],\n"
    "                                           '^(%d+) (.*)$')\n"
    "        if not expires then\n"
    "            -- it is not ours to remove\n"
    "        elseif tonumber(expires) <= now then\n"
    "            call('HDEL', nodes, all[i])\n"
    "        elseif n < most then\n"
    "            n = n + 1\n"
    "            live[#live + 1] = all[i]\n"
    "            live[#live + 1] = text\n"
    "        end\n"
    "    end\n"
    "end\n"
    "\n"
    "for _, step in ipairs({beat, list}) do\n"
    "    local ok, err = pcall(step)\n"
    "    if not ok and replica(err) then\n"
    "        return redis.error_reply(err)\n"
    "    elseif not ok then\n"
    "        live[1] = tostring(err)\n"
    "    end\n"
    "end\n"
    "\n"
    "return live\n",

    NGX_STENTOR_SCRIPT_BASE
    "local ttl, node, url, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4]\n"
    "local day = 24 * 3600 * 1000\n"
    "\n"
    "local function read(key)\n"
    "    local text = call('GET', key)\n"
    "    if not text then\n"
    "        return nil\n"
    "    end\n"
    "    local epoch, fed, owner = string.match(text,\n"
    "        '^(%d+) ([01]) (%S+) %S*$')\n"
    "    if not epoch then\n"
    "        error('what is under its key is no lease', 0)\n"
    "    end\n"
    "    return {epoch = tonumber(epoch), fed = fed, owner = owner,\n"
    "            text = text}\n"
    "end\n"
    "\n"
    "local function tell(what, name, epoch)\n"
    "    redis.pcall('PUBLISH', channel, what .. ' ' .. name .. ' '\n"
    "                .. whole(epoch) .. ' ' .. node)\n"
    "end\n"
    "\n"
    "local function set(key, name, fed, epoch, is)\n"
    "    call('SET', key, whole(epoch) .. ' ' .. fed .. ' ' .. node\n"
    "         .. ' ' .. url, 'PX', ttl)\n"
    "    if not is or is.epoch ~= epoch or is.owner ~= node then\n"
    "        tell('lease', name, epoch)\n"
    "    end\n"
    "    return 'held ' .. whole(epoch)\n"
    "end\n"
    "\n"
    "local function other(is, last)\n"
    "    return 'other ' .. (is and is.text or whole(last))\n"
    "end\n"
    "\n"
    "local verbs = {}\n"
    "\n"
    "function verbs.take(is, last, epoch, fed)\n"
    "    if is and is.owner ~= node and (is.fed == '1' or fed == '0') then\n"
    "        return nil\n"
    "    end\n"
    "    return math.max(last, epoch) + 1\n"
    "end\n"
    "\n"
    "function verbs.spare(is, last, epoch, fed)\n"
    "    return is and verbs.take(is, last, epoch, fed)\n"
    "end\n"
    "\n"
    "function verbs.seize(is, last, epoch)\n"
    "    return math.max(last, epoch) + 1\n"
    "end\n"
    "\n"
    "function verbs.keep(is, last, epoch, fed)\n"
    "    if is and is.owner == node and is.epoch == last\n"
    "        and last >= epoch\n"
    "    then\n"
    "        return last\n"
    "    end\n"
    "    if last > epoch\n"
    "        or is and is.owner ~= node and is.epoch == epoch\n"
    "    then\n"
    "        return nil\n"
    "    end\n"
    "    return epoch\n"
    "end\n"
    "\n"
    "local function decide(i)\n"
    "    local key, counter = KEYS[2 * i - 1], KEYS[2 * i]\n"
    "    local name, verb, fed, epoch = unpack(ARGV, 4 * i + 1, 4 * i + 4)\n"
    "    local is = read(key)\n"
    "    epoch = tonumber(epoch)\n"
    "\n"
    "    if verb == 'quit' then\n"
    "        if is and is.owner == node and is.epoch == epoch then\n"
    "            call('DEL', key)\n"
    "            tell('quit', name, epoch)\n"
    "        end\n"
    "        return 'quit'\n"
    "    end\n"
    "\n"
    "    local last = tonumber(call('GET', counter) or 0)\n"
    "    if not last then\n"
    "        error('what is under its key is no epoch', 0)\n"
    "    end\n"
    "    last = math.max(last, is and is.epoch or 0)\n"
    "    epoch = verbs[verb](is, last, epoch, fed)\n"
    "\n"
    "    if not epoch then\n"
    "        return other(is, last)\n"
    "    end\n"
    "\n"
    "    call('SET', counter, whole(epoch), 'PX', day)\n"
    "    return set(key, name, fed, epoch, is)\n"
    "end\n"
    "\n"
    "local said = {}\n"
    "\n"
    "for i = 1, #KEYS / 2 do\n"
    "    local ok, verdict = pcall(decide, i)\n"
    "    if not ok and replica(verdict) then\n"
    "        return redis.error_reply(verdict)\n"
    "    end\n"
    "    said[i] = ok and verdict or 'error ' .. tostring(verdict)\n"
    "end\n"
    "\n"
    "return said\n"
};
