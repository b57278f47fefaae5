#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The dashboard in a real Chromium: calm, a join storm, dead air, a node that
# is down and comes back, a phone, the dark, and the buttons, which are there
# only where the control location answers.  With STENTOR_SHOTS=DIRECTORY it
# leaves pictures of all that.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Crowd;
use Stentor::Kit;
use Stentor::Page;

need(qw(ffmpeg cc));
need_page();

my $top = $Stentor::Node::TOP;

my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $shots = $ENV{STENTOR_SHOTS} // $dir;

my %SOUNDS = map {
    my ($name, $source) = @$_;
    $name => Stentor::Media::fixture(name => "air-$name", bitrate => '192k',
                                     source => "$source:sample_rate=48000");
} [ music => 'aevalsrc=0.2*sin(2*PI*440*t)|0.1*sin(2*PI*554*t)' ],
  [ silence => 'anullsrc=channel_layout=stereo' ];

# --- calm

my $bare = Stentor::Node::free_port();
my $files = "root $top/build/html;"
            . " location = /dashboard { try_files /dashboard.html =404; }";

my ($node, $b) = on_air(part_duration => '500ms', window => '30s',
    zone => '64m', linger => '60s',
    broadcaster => { sounds => \%SOUNDS, media => $SOUNDS{music},
                     encoder => '<img src=x onerror=alert(1)>' },
    stentor => 'max_listeners hard=150;',
    application => 'dead_air -50dB 2s; stream doors;',
    http => "include /etc/nginx/mime.types; server { listen 127.0.0.1:$bare;"
            . " location = /status { stentor_status; } $files }",
    http_server => $files);

my $crowd = Stentor::Crowd->new([ $node->port_http() ], listeners => 40,
                                rate => 20);
ok($crowd->hears(30), 'a crowd listens');

my $page = Stentor::Page->new($node->url('/dashboard'));


# A picture of what there is, to be looked at.

sub shot($name, $whole = 1) {
    $page->ask('shot', "$shots/$name.png", $whole);
    return ok(-s "$shots/$name.png", "a picture of $name");
}


sub card($name, $selector) {
    return $page->value(<<"END");
[...document.querySelectorAll('.stream')]
    .filter((card) => card.querySelector('h3').textContent === '$name')
    .map((card) => card.querySelector('$selector').textContent)[0]
END
}


# The text that is hard to read: its contrast with what is behind it is below
# 4.5 (WCAG 2, 1.4.3).

sub faint() {
    return @{ $page->value(<<'END') };
(() => {
    const rgb = (c) => c.match(/[\d.]+/g).map(Number);
    const light = (c) => rgb(c).slice(0, 3).map((v) => v / 255).map((v) =>
        v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (e) => {
        for (; e; e = e.parentElement) {
            const c = getComputedStyle(e).backgroundColor;
            if (rgb(c).length < 4 || rgb(c)[3] > 0) return c;
        }
        return 'rgb(255, 255, 255)';
    };
    return [...document.body.querySelectorAll('*')].filter((e) =>
        e.checkVisibility() && [...e.childNodes].some((n) =>
            n.nodeType === 3 && n.textContent.trim()))
        .filter((e) => !e.closest('svg, noscript, template'))
        .map((e) => {
            const a = light(getComputedStyle(e).color);
            const b = light(behind(e));
            return [e.className || e.localName + ' ' + e.id,
                    (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
        })
        .filter(([, contrast]) => contrast < 4.5)
        .map(([name, contrast]) => name + ' ' + contrast.toFixed(2));
})()
END
}


$page->ask('size', 1440, 900);
$page->becomes('document.querySelector("#verdict").textContent === "healthy"',
               'the node is healthy, and it says so', 60);
$page->becomes('window.stentor.samples > 12', 'it looks once a second');
$page->becomes('window.stentor.listeners === 40'
               . ' && document.querySelector("#listeners").textContent === "40"'
               . ' && document.querySelector("#peak").textContent'
               . '.startsWith("most 40,")',
               'all are counted, and it says so, and that it was never more');
is(card('live/studio1', '.pill'), 'live', 'the stream is live');
is(card('live/doors', '.pill'), 'hold', 'another plays hold audio');
like(card('live/studio1', '.rate'), qr{^[1-9]\d{1,2} kbit/s$},
     'what comes in');
like(card('live/studio1', '.lufs'), qr/^\x{2212}1\d\.\d$/, 'how loud');
like(card('live/studio1', 'dl'), qr/<img src=x onerror=alert\(1\)>/,
     'what an encoder says of itself is text');
unlike($page->text('#tile-memory .figure'), qr/\x{2013}/, 'memory');
unlike($page->text('#tile-late .figure'), qr/\x{2013}/, 'lateness');
is_deeply([ faint() ], [], 'all of it can be read');
shot('calm-light');

$page->ask('scheme', 'dark');
is_deeply([ faint() ], [], 'in the dark, too');
shot('calm-dark');

$page->ask('click', '#themes [data-theme="light"]');
like($page->value('getComputedStyle(document.body).color'), qr/\(34, 29, 23\)/,
     'light, though the system is dark');
$page->ask('click', '#themes [data-theme=""]');

$page->ask('size', 390, 844);
is($page->value('document.documentElement.scrollWidth'), 390,
   'nothing is wider than a phone');
$page->ask('wait', 'document.querySelector("#plot").viewBox.baseVal.width'
           . ' < 390');
shot('calm-phone-dark');
$page->ask('scheme', 'light');
shot('calm-phone-light', 0);
$page->ask('size', 1440, 900);

# --- a join storm

$page->ask('click', '#spans [data-minutes="5"]');
my $storm = Stentor::Crowd->new([ $node->port_http() ], listeners => 400,
                                rate => 100);
$page->becomes('document.querySelector("#verdict").textContent === "crowded"',
               'a storm is seen');
$page->becomes('parseFloat(document.querySelector("#tile-refused .figure")'
               . '.textContent) >= 1', 'so is who is refused');
$page->becomes('document.querySelectorAll("#verdicts [data-state=crowded]")'
               . '.length > 0', 'it is on the time bar');
is_deeply([ faint() ], [], 'and can be read');
shot('storm-light');
$page->ask('scheme', 'dark');
shot('storm-dark');
$page->ask('scheme', 'light');
$storm->end();

# --- dead air

$b->play('silence');
$page->becomes('window.stentor.streams[0][1] === "dead air"',
               'dead air is seen, and comes first');
$page->becomes('window.stentor.verdict === "silent"',
               'and is the verdict when the storm is over');
is(card('live/studio1', '.pill'), 'dead air', 'the stream says so');
is_deeply([ faint() ], [], 'and can be read');
shot('dead-air-light');

$b->play('music');
$page->becomes('window.stentor.verdict === "healthy"', 'he is heard again');

# --- the node is gone

my $points = 'document.querySelector("#plot .line").getAttribute("d").length';

$crowd->end();
$b->stop();
$node->kill_it();
$page->becomes('window.stentor.verdict === "no answer"', 'the node is down');
is($page->text('#verdict'), 'no answer', 'it says so');
is($page->text('#listeners'), "\x{2013}", 'and not who listened before');
is(card('live/studio1', '.pill'), 'not known', 'nor how a stream was');
is(card('live/studio1', '.listeners'), "\x{2013}", 'nor who listened to it');
is($page->text('#tile-memory .figure'), "\x{2013}", 'nor the memory');
is($page->value('document.querySelectorAll("[data-verb]").length'), 0,
   'there are no buttons');
like($page->text('#text'), qr/last figures are of .* ago/, 'how old they are');
cmp_ok($page->value($points), '>', 200, 'what it remembers is still there');
is_deeply([ faint() ], [], 'all can be read');
shot('down-light');

$page->ask('wait', 'document.querySelector("#text").textContent'
           . '.includes("in ")');
$node->start();
$b = broadcaster($node, sounds => \%SOUNDS, media => $SOUNDS{music});
$page->becomes('window.stentor.verdict === "healthy"', 'it is back', 60);
is($page->text('#listeners'), '0', 'and its figures are of now');
$page->becomes('document.querySelectorAll("#plot .line").length >= 2',
               'what was not seen is a gap');

$page->ask('open', $node->url('/dashboard'));
$page->becomes("document.querySelector('#plot .line') && $points > 200",
               'what it remembers outlives the page');

# --- buttons

sub button($verb, $stream) {
    return qq([data-verb="$verb"][data-stream="live/$stream"]);
}

$page->becomes('window.stentor.control', 'control answers');
$page->ask('type', '#open-name', 'live/late');
$page->ask('click', '#open button');
ok($node->wait_stream('live/late', sub ($st) {
    return $st && $st->{opened_by} eq 'control';
}), 'a stream is opened');
$page->becomes('document.querySelector("#said").textContent'
               . ' === "live/late: is hold."', 'which is told');

$page->ask('click', button('open', 'studio1'));
ok($node->wait_stream('live/studio1', sub ($st) {
    return $st && $st->{opened_by} eq 'control';
}), 'another is kept open');

$page->ask('wait', 'document.querySelector(\'' . button('close', 'late')
           . '\')');
$page->ask('click', button('close', 'late'));
shot('close-light', 0);
$page->ask('click', '#confirm [value="no"]');
is($node->stream('live/late')->{state}, 'hold', 'closing is asked twice');
$page->ask('click', button('close', 'late'));
$page->ask('click', '#confirm [value="yes"]');
ok($node->wait_stream('live/late', sub ($st) {
    return $st && $st->{state} eq 'closed';
}), 'a stream is closed');
shot('closed-light');

is_deeply($page->ask('errors'), [], 'nothing is wrong in the page');

$page->ask('open', "http://127.0.0.1:$bare/dashboard");
$page->becomes('window.stentor.samples > 2', 'without control it looks, too');
ok(!$page->value('window.stentor.control'), 'but may not do anything');
ok(!$page->value('document.querySelector("#open").checkVisibility()'),
   'there is nothing to open with');
is($page->value('document.querySelectorAll("[data-verb]").length'), 0,
   'and no button');

is($page->end(), 0, 'the browser ends');
$b->stop();
$node->done('TERM');
done_testing();
