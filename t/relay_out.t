#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A stream as other nodes get it: the window and then each part as it is made,
# byte for byte what listeners get; going on where one was, and starting anew
# where that is another history; heartbeats; the ends there are.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Relay;


need('ffmpeg');

my %NODE = (stentor => 'cluster { node origin-1; role origin; }',
            http_server => 'location /relay/ { stentor_relay; }');


sub relay($node, %o) {
    return Stentor::Relay->new(port => $node->port_http(), %o);
}


# What is wrong with parts: their bytes are not those that listeners get.

sub differs($node, $r, @parts) {
    my @renditions = map { $_->{name} } @{ $r->{stream}{renditions} };
    my $name = $r->{name} =~ s{^}{/}r;
    my @bad;

    for my $part (@parts) {
        my @paths = map { "$name/$_/$part->{msn}.$part->{part}.m4s" }
                    @renditions;
        my @bodies = fetch_all($node, @paths);

        for my $i (0 .. $#paths) {
            push(@bad, $paths[$i])
                if $bodies[$i] ne $part->{pieces}[$i]{body};
        }
    }

    return @bad;
}


# after(part): what is said of the last part that one has.

sub after($part) {
    return [$part->{msn}, $part->{part}, $part->{pieces}[0]{body}];
}


my ($node, $b) = on_air(%NODE, window => '8s');

# --- the window, and then what comes

my $r = relay($node);
ok($r->wait_edge(), 'a window comes');
is($r->{status}, 200, 'status');
is($r->{head}{'content-type'}, 'application/vnd.stentor.relay', 'type');
is($r->{head}{'cache-control'}, 'no-store', 'kept nowhere');
is($r->{records}[0]{type}, 'stream', 'the stream comes first');
is($r->{stream}{whole}, 1, 'whole');
is_deeply($r->{stream}{chain}, ['origin-1'], 'where it comes from');

my $rendition = $r->{stream}{renditions}[0];
my $status = $node->stream('live/studio1')->{renditions}[0];
is($rendition->{name}, 'audio', 'its rendition');
is($rendition->{rate}, 48000, 'sample rate');
is($rendition->{part}, 9 * 1024, 'part');
is($rendition->{parts}, 6, 'parts a segment');
is($rendition->{bandwidth}, $status->{bandwidth}, 'bandwidth');
cmp_ok($rendition->{max_bandwidth}, '>=', $rendition->{bandwidth},
       'what a ring must carry');

my @window = $r->window();
my $whole = grep { $_->{last} } @window;
is($window[0]{part}, 0, 'it begins with a whole segment');
cmp_ok($whole, '>=', $rendition->{window}, 'all segments that are listed');
cmp_ok($whole, '<=', $rendition->{window} + 3, 'and few more');

ok($r->wait_parts(12), 'parts come as they are made');
my @news = $r->news();
ok(!(grep { $_->{sent_us} < $_->{made_us} } @news),
   'each was sent after it was made');
is(scalar(grep { $_->{live} } @news), scalar(@news), 'and is live');
is(scalar($r->of('edge')), 1, 'one edge');
conforms('in order', @{ $r->{violations} });
conforms('the bytes that listeners get', differs($node, $r, @window, @news));

my ($init) = $r->of('init');
my $id = sprintf('init-%08x.mp4', $init->{id});
my ($bytes) = fetch_all($node, "/live/studio1/audio/$id");
is($init->{data}, $bytes, 'its init segment');
is($init->{codecs}, 'mp4a.40.2', 'codecs');
is("$init->{rate} $init->{channels}", '48000 2', 'rate and channels');
is(substr($init->{config}, 0, 2),
   substr(Stentor::Media::fixture()->{asc}, 0, 2), 'decoder config');

$status = $node->status()->{relay};
is($status->{sessions}, 1, 'status: one session');
is($status->{requests}, 1, 'status: one request');
cmp_ok($status->{parts_out}, '>=', @window + @news, 'status: parts');
cmp_ok($status->{bytes_out}, '>', 10000, 'status: bytes');

# --- going on

my $last = $r->{last};
my $next = relay($node, after => after($last));
ok($next->wait_parts(2), 'another one goes on');
is($next->{stream}{whole}, 0, 'not from the beginning');

$r->wait_for(sub ($r) { $r->{last}{msn} > $next->{last}{msn} });
my ($first) = $next->of('part');
my %have = map { ("$_->{msn}.$_->{part}" => $_) } $r->of('part');
my ($behind) = grep { $_->{msn} > $last->{msn}
                      || ($_->{msn} == $last->{msn}
                          && $_->{part} > $last->{part}) } $r->of('part');
is("$first->{msn}.$first->{part}", "$behind->{msn}.$behind->{part}",
   'with the part behind the one it has');
is(scalar(grep { $_->{pieces}[0]{body}
                 ne $have{"$_->{msn}.$_->{part}"}{pieces}[0]{body} }
          $next->of('part')), 0, 'the same bytes');

my $old = relay($node, after => after($window[3]));
ok($old->wait_edge(), 'one that is far behind');
is($old->{stream}{whole}, 0, 'goes on as well');
cmp_ok(scalar($old->of('part')), '>', 20, 'with all that it lacks');
is(($old->of('part'))[0]{part}, 4, 'from there');
conforms('in order', @{ $_->{violations} }) for $next, $old;

# --- another history

my %OTHER = (
    'another part of that number' => [@$last{qw(msn part)}, '00000000'],
    'a part of long ago' => [$window[0]{msn} - 100, 0, 'x'],
    'a part of a far future' => [$last->{msn} + 100, 0, 'x'],
    'a part just too far ahead' => [$last->{msn} + 5, 0, 'x'],
    'a part that cannot be' => [$last->{msn}, 31, 'x'],
);

for my $what (sort keys %OTHER) {
    my $o = relay($node, after => $OTHER{$what});
    ok($o->wait_edge(), $what);
    is($o->{stream}{whole}, 1, "$what: the whole window");
    cmp_ok(scalar($o->of('part')), '>=', 36, "$what: from its beginning");
    $o->close();
}

# --- he is ahead of us

$r->wait_parts(1);
my ($msn, $part) = @{ $r->{last} }{qw(msn part)};
my $ahead = relay($node, after => [$msn + 1, $part, '00000000']);
ok($ahead->wait_edge(), 'one that is ahead is let wait');
is($ahead->{stream}{whole}, 0, 'for what he has');
is(scalar($ahead->of('part')), 0, 'without a part');
is($ahead->wait_end(), 'again', 'and begins again: it is another part');
is(scalar($ahead->of('part')), 0, 'of which he got none');

$_->close() for $r, $next, $old;
ok($node->wait_status(sub ($s) { $s->{relay}{sessions} == 0 }),
   'sessions end when their nodes have gone');

# --- the end of the stream

$r = relay($node);
ok($r->wait_edge(), 'before the end');
is($node->control('close', 'live/studio1')->{status}, 200, 'it is closed');
is($r->wait_end(), 'stream', 'the end is told');
my $p = playlist($node);
ok($p->{ended}, 'as listeners are told');
my $end = $r->{last};
is("$end->{msn}.$end->{part}",
   $p->{segments}[-1]{msn} . '.' . $#{ $p->{segments}[-1]{parts} },
   'after the last part');

my $late = relay($node);
is($late->wait_end(), 'stream', 'who comes later has it all the same');
cmp_ok(scalar($late->of('part')), '>=', 36, 'with its window');
conforms('in order', @{ $_->{violations} }) for $r, $late;

$b->stop();
$node->done();

# --- he is ahead of us, and right: one frame is the same again and again

my $silence = Stentor::Media::fixture(name => 'silence', source => 'anullsrc');
@{ $silence->{frames} } = $silence->{frames}[10];

($node, $b) = on_air(%NODE, broadcaster => { media => $silence });
$r = relay($node);
ok($r->wait_edge(), 'silence');


# A part of silence as it will be n parts later.

sub later($body, $n) {
    my $mfhd = index($body, 'mfhd') + 8;
    my $tfdt = index($body, 'tfdt') + 8;

    substr($body, $mfhd, 4) = pack('N', $n + unpack('N',
                                   substr($body, $mfhd, 4)));
    substr($body, $tfdt, 8) = pack('Q>', $n * 9 * 1024
                                   + unpack('Q>', substr($body, $tfdt, 8)));
    return $body;
}


$r->wait_for(sub ($r) { $r->news() >= 3 && $r->{last}{part} == 1 });
my $now = $r->{last};
$ahead = relay($node, after => [$now->{msn}, 4,
                                later($now->{pieces}[0]{body}, 3)]);
ok($ahead->wait_parts(2), 'one that is rightly ahead gets what follows');
is($ahead->{stream}{whole}, 0, 'and keeps what he has');
my ($got) = $ahead->of('part');
is("$got->{msn}.$got->{part}", "$now->{msn}.5", 'the part behind his');
ok($ahead->{records}[1]{type} eq 'edge', 'the edge was told before');

# --- a loop of two, seen from the node that is asked

is(relay($node, node => 'origin-1')->wait_status(), 508,
   'who asks himself is in a loop');

# --- the node knows of a later owner

is(relay($node, epoch => 999999)->wait_status(), 409,
   'an owner that is not the last one refuses');
$r = relay($node, epoch => 0);
ok($r->wait_edge(), 'no epoch is too old');

$_->close() for $r, $ahead;
$b->stop();
$node->done();

# --- heartbeats

$node = Stentor::Node->new(%NODE, part_duration => '2s', window => '36s',
                           segment_parts => 2);
$node->control('open', 'live/slow');
$r = relay($node, name => 'live/slow');
ok($r->wait_edge(), 'parts of two seconds');
ok($r->wait_parts(2), 'go on');

my @types = map { $_->{type} } @{ $r->{records} };
my $row = join(' ', @types) =~ s/.*\bedge\b//r;
my ($between) = $row =~ /\bpart\b((?: beat)*) part\b/;
my $beats = () = ($between // '') =~ /beat/g;
cmp_ok($beats, '>=', 5, 'heartbeats between two of them');
cmp_ok($beats, '<=', 8, 'not more than one each 250 ms');
my ($beat) = $r->of('beat');
is_deeply($beat->{chain}, ['origin-1'], 'say where it comes from');
is($beat->{epoch}, $r->{stream}{epoch}, 'and whose it is');

# --- reload: nobody is kept by an old worker

my %old = map { ($_ => 1) } $node->worker_pids();
$node->reload();
is($r->wait_end(), 'exit', 'an old worker sends its relays away');
$next = relay($node, name => 'live/slow', after => after($r->{last}));
ok($next->wait_edge(), 'a new one has them');
is($next->{stream}{whole}, 0, 'where they were');
ok($next->wait_parts(1), 'and as they go on');
conforms('in order', @{ $_->{violations} }) for $r, $next;

# --- a worker dies

$node->kill_worker('KILL', $_) for $node->worker_pids();
ok($next->wait_for(sub ($r) { $r->{eof} }), 'a worker dies');
is($next->{end}, undef, 'without a word');
$r = relay($node, name => 'live/slow', after => after($next->{last}));
ok($r->wait_parts(1), 'its successor has the stream');
is($r->{stream}{whole}, 0, 'and goes on there');
is($node->status()->{relay}{sessions}, 1, 'status: one session is left');

$r->close();
$node->done('TERM');
done_testing();
