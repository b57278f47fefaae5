#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Who may begin to listen: over a soft limit to playlists without parts, over a
# hard one not at all; who listens is never hurt, who lost his connection, or
# his worker, comes back; a storm; limits of the node and of applications, of
# listeners and of bandwidth; and what a configuration may not say.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Crowd;
use Stentor::Kit;
use Stentor::Redis;

need('cc', 'redis-server');

my $DIR = '/live/studio1';


# --- configurations

sub says($want, %o) {
    my ($rc, $said) = Stentor::Node->check(%o);
    my $line = join(' ', %o);

    like($said, $want, $line);
    isnt($rc, 0, "refused: $line") if $want !~ /successful/;
}


says(qr/"max_listeners" directive has a "soft" limit above its "hard" one/,
     stentor => 'max_listeners soft=3 hard=2;');
says(qr/"max_listeners" directive is duplicate/,
     stentor => 'max_listeners soft=3; max_listeners hard=4;');
says(qr/invalid parameter "soft=0"/, stentor => 'max_listeners soft=0;');
says(qr/invalid parameter "hard=2k"/, application => 'max_listeners hard=2k;');
says(qr/invalid parameter "many=2"/, application => 'max_listeners many=2;');
says(qr/invalid parameter "soft=3"/,
     application => 'max_listeners soft=2 soft=3;');
says(qr/"max_bandwidth" directive has a "soft" limit above/,
     application => 'max_bandwidth soft=1g hard=999m;');
says(qr/invalid parameter "hard=m"/, stentor => 'max_bandwidth hard=m;');
says(qr/invalid number of arguments/, stentor => 'max_listeners;');
says(qr/successful/, stentor => 'max_listeners hard=7; max_bandwidth soft=1g;',
     application => 'max_listeners soft=2 hard=2; max_bandwidth hard=10m;');


# --- clients: each looks like a player of its own if it has a name

my $node;

sub client($name) {
    return { name => $name, http => Stentor::HTTP->new($node->port_http()) };
}


sub ask($c, $path, %headers) {
    $c->{http}->request('GET', $path, 'User-Agent' => $c->{name}, %headers);
    return $c->{http}->response() // die "no answer to GET $path\n";
}


sub leave($c) { $c->{http}->close() }


# Asks for the multivariant playlist: "parts", "classic", or a status.

sub joins($c, $dir = $DIR) {
    my $r = ask($c, "$dir/index.m3u8");
    $c->{answer} = $r;

    return $r->{status} if $r->{status} != 200;
    return $r->{text} =~ /-std\.m3u8/ ? 'classic' : 'parts';
}


# Takes the last whole segment, which is audio for a while.

sub hears($c, $dir = $DIR) {
    my $list = ask($c, "$dir/audio.m3u8?_HLS_msn=1")->{text};
    my $p = Stentor::Playlist::parse($list);

    return ask($c, "$dir/$p->{segments}[-1]{uri}")->{status};
}


sub hls($status = $node->status()) {
    return $status->{hls};
}


sub counts(@names) {
    my $h = hls();
    return { map { $_ => $h->{$_} } @names };
}


sub lines($re) {
    my @lines = $node->log() =~ /$re/g;
    return scalar(@lines);
}


# --- soft and hard

my $b;
($node, $b) = on_air(workers => 4, stentor => 'max_listeners soft=3 hard=5;');

my @c = map { client("player $_") } 0 .. 6;
is(joins($c[$_]), 'parts', "player $_ is let in") for 0 .. 2;
is($c[0]{answer}{headers}{'cache-control'}, 'public, max-age=1',
   'as any may be');
is(joins($c[$_]), 'classic', "player $_ gets no parts") for 3, 4;
is($c[3]{answer}{headers}{'cache-control'}, 'no-store', 'he alone');

is(joins($c[5]), 503, 'player 5 is refused');
my $h = $c[5]{answer}{headers};
my $after = $h->{'retry-after'} // '';
ok($after =~ /^\d+$/ && $after >= 5 && $after <= 15, "for $after seconds");
is($h->{'cache-control'}, 'no-store', 'he alone, too');
is($h->{'access-control-allow-origin'}, '*', 'which his browser is told');
like($h->{'access-control-expose-headers'}, qr/\bRetry-After\b/,
     'and until when');

is_deeply(counts(qw(joins downgraded refused returns joining)),
          { joins => 5, downgraded => 2, refused => 1, returns => 0,
            joining => 5 }, 'each is counted');

is(ask($c[6], "$DIR/audio.m3u8")->{status}, 503,
   'nor does anybody begin with a media playlist');
is(ask($c[6], "$DIR/audio-std.m3u8")->{status}, 503, 'of either kind');

my $list = Stentor::Playlist::parse(ask($c[0], "$DIR/audio.m3u8")->{text});
my ($msn, $part) = $list->next_part();
is(ask($c[6], "$DIR/audio.m3u8?_HLS_msn=$msn&_HLS_part=$part")->{status}, 200,
   'but that goes on which has begun');
is(hears($c[6]), 200, 'and media are given to all');
leave($c[6]);


# --- who was let in

is(joins($c[0]), 'parts', 'player 0 asks again');
is(joins($c[3]), 'classic', 'player 3 asks again');
is(joins($c[5]), 503, 'player 5 asks again');

my $other = client('player 0');
is(ask($other, "$DIR/audio.m3u8")->{status}, 200,
   'player 0 by another connection');
leave($other);

hears($c[$_]) for 0 .. 4;
is(joins($c[4]), 'parts', 'who listens may have all');
is(joins($c[0]), 'parts', 'and asks what he likes');
is(hls()->{joining}, 0, 'none of them is joining any more');

is(joins(client('player 0')), 503, 'he who looks like one who listens, too');
leave($c[0]);
$node->wait_status(sub ($s) { return hls($s)->{connections} <= 5 });
$other = client('player 0');
is(joins($other), 'parts', 'but not who has lost his connection');
is(joins(client('player 0')), 503, 'once');
is(hls()->{returns}, 1, 'which is told');
is(hears($other), 200, 'he listens again');

is(lines(qr/the node is over its soft limit, 3 listeners/), 1,
   'soft limit: one line in the log');
is(lines(qr/the node is over its hard limit: who joins is sent away, 5 list/),
   1, 'hard limit, too');

leave($_) for @c[1 .. 5], $other;
$node->wait_status(sub ($s) {
    return !grep { hls($s)->{$_} } qw(listeners leaving joining);
}, 30, 'all are gone');
$node->wait_until(sub { return lines(qr/the node has room again/) });
is(lines(qr/the node has room again for who joins, [0-2] listeners/), 1,
   'room again is told once');
is(joins(client('late')), 'parts', 'and who comes now is let in');

$b->stop();
$node->done('TERM');


# --- hysteresis; applications; bandwidth

($node, $b) = on_air(
    workers => 2,
    stentor => 'application few { part_duration 200ms; window 15s;'
               . ' max_listeners hard=20; }'
               . ' application thin { part_duration 200ms; window 15s;'
               . ' max_bandwidth soft=1k hard=1m; }',
    http_server => 'location /few/ { stentor_hls; }'
                   . ' location /thin/ { stentor_hls; }',
);
my @more = map {
    Stentor::Broadcaster->start(port => $node->port_rtmp(), app => $_)
} qw(few thin);
$node->wait_stream("$_/studio1", sub ($st) {
    return $st && $st->{state} eq 'live';
}, $Stentor::Node::PATIENCE, "$_ on the air") for qw(few thin);

@c = map { client("player $_") } 1 .. 20;
is(join(' ', map { joins($_, '/few/studio1') } @c), join(' ', ('parts') x 20),
   '20 listeners of an application');
is(joins(client('more'), '/few/studio1'), 503, 'not one more');
is(joins(client('another')), 'parts', 'those of another are not limited');

$other = client('listener');
is(joins($other), 'parts', 'who is let in to one');
is(joins($other, '/few/studio1'), 503, 'is not to the other, which is full');
is(hears($other), 200, 'and who listens to the one');
is(joins($other, '/few/studio1'), 503, 'is not, either');
is(joins($other), 'parts', 'but may go on');
leave($other);

leave(shift(@c));
$node->wait_status(sub ($s) { return hls($s)->{joining} == 19 });
is(joins(client('more'), '/few/studio1'), 503, '19 are too many still');
leave(shift(@c));
$node->wait_status(sub ($s) { return hls($s)->{joining} == 18 });
is(joins(client('more'), '/few/studio1'), 'parts', '18 are not');
is(lines(qr/application "few" is over its hard limit/), 1,
   'the application is named');
is(lines(qr/application "few" has room again/), 1, 'and has room');

@c = map { client("thin $_") } 0 .. 30;
is(joins($c[0], '/thin/studio1'), 'parts', 'some bandwidth');
is(joins($c[1], '/thin/studio1'), 'classic', 'more of it');

my ($n) = grep { joins($c[$_], '/thin/studio1') ne 'classic' } 2 .. $#c;
ok($n && $n > 2, 'too much, in the end');
is($c[$n]{answer}{status}, 503, 'is refused');
is(joins(client('last')), 'parts', 'of its application only');

$_->stop() for $b, @more;
$node->done('TERM');


# --- all come at once, and look the same

($node, $b) = on_air(workers => 4, stentor => 'max_listeners hard=100;');
my $crowd = Stentor::Crowd->new([ $node->port_http() ], listeners => 400,
                                rate => 20000);

ok($node->wait_status(sub ($s) { return hls($s)->{listeners} >= 100 }),
   'a storm fills the node');
my $most = 0;
ok($node->wait_status(sub ($s) {
    my $n = hls($s)->{listeners} + hls($s)->{leaving} + hls($s)->{joining};
    $most = $n if $n > $most;
    return hls($s)->{refused} > 300;
}, 30), 'all others are refused, and some again');
cmp_ok($most, '<=', 104, "$most have got in, one a worker over the limit");

my $seen = $crowd->mark();
is($seen->{playing}, hls()->{listeners}, 'and they hear something');
$crowd->end();
$b->stop();
$node->done('TERM');


# --- a worker is killed, who could not say that he has lost anybody

($node, $b) = on_air(workers => 2, stentor => 'max_listeners hard=2;');
my (%on, $i);

while (keys(%on) < 2 && $i++ < 200) {
    my $c = client("of worker $i");
    my $worker = ask($c, '/status')->{headers}{'x-worker'};
    $on{$worker} //= $c;
}

my ($dies, $lives) = keys(%on);
ok($lives, 'listeners of two workers');

for my $worker ($dies, $lives) {
    is(joins($on{$worker}), 'parts', 'one is let in');
    hears($on{$worker});
}

is(joins(client('early')), 503, 'no more than two');
$node->kill_worker('KILL', $dies);
$node->wait_status(sub ($s) {
    return hls($s)->{listeners} + hls($s)->{leaving} == 1;
});
my $instead = client('instead');
is(joins($instead), 'parts', 'somebody takes his place');
is(joins(client('early')), 503, 'and there is no other');
is(joins(client($on{$dies}{name})), 'parts', 'but he is let in');

$b->stop();
$node->done('TERM');


# --- all are gone with their worker, and nobody comes

($node, $b) = on_air(workers => 1, stentor => 'max_listeners hard=1;');
my $only = client('only');
is(joins($only), 'parts', 'one is let in');
is(joins(client('other')), 503, 'and fills it');
$node->kill_worker('KILL');
ok($node->wait_until(sub { return lines(qr/the node has room again/) }),
   'a worker that nobody has come to yet finds room again');

$b->stop();
$node->done('TERM');


# --- bandwidth as it is measured: nobody listens, somebody loads

($node, $b) = on_air(workers => 2, stentor => 'max_bandwidth hard=20m;');
my $busy = client('busy');
joins($busy);

$n = 0;
ok($node->wait_until(sub {
    hears($busy) for 1 .. 100;
    return joins(client('first ' . $n++)) eq '503';
}), 'who loads as fast as he can fills the node for others');
like($node->log(), qr/the node is over its hard limit/, 'which is told');
is(hears($busy), 200, 'not for himself, who is let in');

$b->stop();
$node->done('TERM');


# --- other nodes are told how many it takes, if it is not said otherwise

my $redis = Stentor::Redis->new();

for (['max_listeners soft=3 hard=5;', '', 5],
     ['max_listeners soft=3;', '', 3],
     ['max_listeners hard=5;', 'capacity 9;', 9])
{
    my ($limit, $said, $capacity) = @$_;

    $node = Stentor::Node->new(workers => 1, stentor => "cluster { node n;"
        . " role origin; relay http://127.0.0.1:1/; $said redis "
        . $redis->address() . "; } $limit");
    ok($node->wait_status(sub ($s) {
        my ($self) = @{ $s->{cluster}{nodes} // [] };
        return $self && $self->{capacity} == $capacity;
    }), "$limit $said: a capacity of $capacity");
    $node->done('TERM');
}

$redis->remove();
done_testing();
