# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A node that does all that a node can do, for what makes its calls fail
# (t/fault): alone with its configuration, but among a Redis over TLS, another
# origin that it gets streams from, an edge that gets streams from it, and a
# webhook.  Knows each thing that it can be made to do, and whether it is as
# well as ever.

package Stentor::Ordeal;

use v5.36;

use File::Path ();
use JSON::PP ();
use Time::HiRes qw(time sleep);

use Stentor::Authority;
use Stentor::Encoder;
use Stentor::Fault;
use Stentor::Keys;
use Stentor::Kit;
use Stentor::Redis;
use Stentor::Replay;
use Stentor::SrtCaller;
use Stentor::Tier;
use Stentor::Tone;
use Stentor::Webhook;

# What is done with a broadcaster on the air, in this order: each returns what
# was noticed by who did it.
our @WORK = (
    [ quiet => \&quiet ], [ listen => \&hear ], [ join => \&join_it ],
    [ steering => \&steering ], [ status => \&status ], [ rtmp => \&rtmp ],
    [ key => \&key ], [ srt => \&srt ], [ passphrase => \&passphrase ],
    [ control => \&control ], [ ladder => \&ladder ], [ replay => \&replay ],
    [ pull => \&pull ], [ serve => \&serve ], [ 'stand by' => \&stand_by ],
    [ redis => \&reconnect ], [ reload => \&reload ],
);

# Streams of the other origin, and of the node, that are got in turn, and those
# that are made: each has been forgotten when its turn comes again.
use constant { FAR => 12, NEAR => 6, NEWS => 8 };

# How many descriptors and threads more than before are none that were lost.
use constant SLACK => 6;


# new(dir => an empty directory): all but the node itself.  With plain => 1 it
# has no TLS to Redis.

sub new($class, %o) {
    my $self = bless { %o, seen => {}, pulled => 0, served => 0, news => 0,
                       crowds => 0 }, $class;
    my $dir = $self->{dir};

    $self->{aac} = Stentor::Tone::file("$dir/tone.m4a", 660, 4);
    $self->{ts} = $self->transport_stream();
    $self->{port} = { rtmp => Stentor::Node::free_port(),
                      http => Stentor::Node::free_port(),
                      map({ $_ => Stentor::Node::free_port('udp') }
                          qw(srt locked)) };

    Stentor::Node::spew("$dir/relay", "0123456789abcdef\n");
    Stentor::Node::spew("$dir/passphrase", "forthewholeport0\n");
    $self->{static} = new_static('keyed/studio6');
    $self->{own} = new_passphrase('keyed/own');
    $self->{keys} = key_file("$dir/keys", map { $_->{line} }
                             @$self{qw(static own)});

    $self->{hook} = Stentor::Webhook->start(answers => {
        '/track' => [ { status => 200, body => '{"track": 1}' } ],
        '/no' => [ { status => 403, body => '{"reason": "not you"}' } ],
    });
    $self->{ca} = Stentor::Authority->new(dir => $dir, ecdsa => 1);
    $self->{redis} = Stentor::Redis->new(authority => $self->{ca},
        certificate => [ $self->{ca}->issue('127.0.0.1') ]);
    $self->{certificate} = [ $self->{ca}->issue('node') ];

    $self->{far} = $self->neighbor('far', 'origin', stentor =>
        "application away { part_duration 200ms; window 8s; "
        . "hold $self->{aac}; "
        . join(' ', map { "stream far$_;" } 0 .. FAR - 1) . ' }');
    $self->{both} = broadcaster($self->{far}, name => 'both');
    $self->{edge} = $self->neighbor('edge', 'edge');

    return $self;
}


sub transport_stream($self) {
    system(qw(ffmpeg -nostdin -loglevel error -y -i), $self->{aac},
           qw(-c:a copy -f mpegts), "$self->{dir}/tone.ts") == 0
        or die "ffmpeg makes no tone.ts\n";
    return Stentor::Node::slurp("$self->{dir}/tone.ts");
}


# Another node of the cluster, whose calls do not fail.

sub neighbor($self, $id, $role, %o) {
    my $node = Stentor::Node->prepare(workers => 1, zone => '64m',
        stentor => '',
        http_server => 'location /relay/ { stentor_relay; }', %o);

    $node->{stentor} .= $self->cluster($id, $role, $node,
                                       $self->{redis}->address());
    $node->write_conf();
    $node->start();

    return $node;
}


sub cluster($self, $id, $role, $node, $redis) {
    return "cluster { node $id; role $role; capacity 1000; relay_idle 500ms;"
           . ' relay ' . relay_url($node) . '; listen ' . $node->url('/live/')
           . "; relay_secret_file $self->{dir}/relay; redis $redis; }\n";
}


# --- the node

# Starts it, with a broadcaster; what the table says fails in it.

sub up($self, $table) {
    $self->start($table);
    $self->on_the_air() or die "no broadcaster is let in\n";
    $self->goes_on('/tight/one') or die "not all streams are there\n";

    return $self->{node};
}


sub start($self, $table) {
    my $node = $self->{node} = Stentor::Node->prepare($self->options($table));
    my ($cert, $key) = @{ $self->{certificate} };
    my $redis = $self->{plain} ? $self->{redis}->address()
                : "127.0.0.1:$self->{redis}{tls_port} tls"
                  . " ca=$self->{ca}{pem} cert=$cert key=$key";

    $node->{stentor} .= $self->cluster('node', 'origin', $node, $redis);
    $node->write_conf();
    $self->torn();
    $node->start();
}


sub options($self, $table) {
    my $dir = $self->{dir};
    my $hook = $self->{hook};
    my ($map, $http_server) = (Stentor::Replay::location("$dir/replay"))[1, 3];
    my $near = join(' ', map { "stream near$_;" } 0 .. NEAR - 1);

    return (
        workers => 2, faults => $table, zone => '96m', window => '8s',
        linger => '1s', log => 'info',
        srt => [ 'media_timeout=1s', 'media_timeout=1s '
                 . "passphrase_file=$dir/passphrase" ],
        rtmp => $self->{port}{rtmp}, http_port => $self->{port}{http},
        srt_ports => [ @{ $self->{port} }{qw(srt locked)} ],
        location => 'stentor_hls_pending time=300ms;',
        application => 'on_event ' . $hook->url('/event') . ";\n"
                       . 'on_publish ' . $hook->url('/ask') . " fail=open;\n"
                       . "hold $self->{aac};\nstream always; $near\n"
                       . "replay $dir/replay end=1s keep=20s;\n",
        stentor => 'application lad { part_duration 200ms; window 8s; '
                   . 'linger 1s; rendition hi bitrate=96k; '
                   . "rendition lo bitrate=32k codec=opus; }\n"
                   . 'application tight { part_duration 200ms; window 8s; '
                   . "hold $self->{aac}; stream one; "
                   . "max_listeners soft=1 hard=2; }\n"
                   . 'application keyed { linger 1s; '
                   . "publish_key_file $self->{keys}; on_publish "
                   . $hook->url('/track') . "; }\n"
                   . "application away { part_duration 200ms; }\n"
                   . 'application shut { on_publish '
                   . $hook->url('/no') . "; }\n"
                   . "pathway other http://127.0.0.1:1/live/ capacity=10;\n",
        http => "request_pool_size 512;\n$map",
        http_server => 'location /lad/ { stentor_hls; }'
                       . ' location /tight/ { stentor_hls; }'
                       . ' location /away/ { stentor_hls; }'
                       . ' location /relay/ { stentor_relay; }'
                       . ' location /here/ { stentor_control 127.0.0.1; }'
                       . $http_server,
    );
}


# What a killed node has left of a replay, to be repaired at the start; others
# are away.

sub torn($self) {
    my $dir = "$self->{dir}/replay";
    my $init = $self->{init} //= $self->an_init();

    File::Path::remove_tree($dir);
    File::Path::make_path($dir);
    Stentor::Replay->new(dir => $dir, stream => 'live/torn')->make_up(
        seconds => 20, end => time() - 60, init => $init,
        media => Stentor::Media::fixture(), torn => 'x' x 100);
}


sub an_init($self) {
    my $text = $self->{far}->get('/live/both/audio.m3u8')->{text};
    my ($uri) = $text =~ /URI="([^"]+\.mp4)"/ or die "no init\n";
    return $self->{far}->get("/live/both/$uri")->{body};
}


# Its broadcaster, who comes back if he was sent away.

sub on_the_air($self) {
    return 1 if $self->{caster} && !$self->{caster}->gone();

    for (1 .. 30) {
        $self->{caster} = eval { $self->publish('studio1') };
        return 1 if $self->{caster};
        sleep(0.2);
    }

    return 0;
}


# One who is heard.

sub publish($self, $name) {
    my $b = Stentor::Broadcaster->start(port => $self->{port}{rtmp},
                                        name => $name);

    $self->{node}->wait_until(sub {
        my $st = eval { $self->{node}->stream("live/$name") };
        return $st && $st->{state} eq 'live'
               && ($st->{session}{audio_frames} // 0) > 0;
    }, 15) and return $b;

    $b->stop();
    return undef;
}


# Ends it, whatever becomes of it; returns whether it ended when asked.

sub down($self) {
    my $node = delete $self->{node} // return 1;

    (delete $self->{caster})->stop() if $self->{caster};
    my $ended = !$node->{pid} || $node->stop('QUIT', 30);
    File::Path::remove_tree($node->dir());
    $self->{seen} = {};

    return $ended;
}


sub kill_it($self) {
    eval { $self->{node}->kill_it() };
    $self->down();
}


# All that is around it, too.

sub end($self) {
    $self->kill_it() if $self->{node};
    $self->{both}->stop();

    for my $other (qw(edge far)) {
        $self->{$other}->stop('TERM');
        File::Path::remove_tree($self->{$other}->dir());
    }

    $self->{redis}->remove();
    $self->{hook}->stop();
}


# --- what it does

# All of its timers come by within that.

sub quiet($self) {
    sleep(1.2);
    return;
}


sub hear($self) {
    my @odd;
    my $text = $self->asked(\@odd, '/live/studio1/audio.m3u8') // '';

    my ($init) = $text =~ /URI="([^"]+\.mp4)"/;
    my ($segment) = $text =~ m{^(audio/\d+\.m4s)$}m;
    my @parts = $text =~ /^#EXT-X-PART:.*URI="([^"]+)"/mg;
    my ($hint) = $text =~ /PRELOAD-HINT.*URI="([^"]+)"/;
    my $last = @parts ? $parts[-1] : undef;
    my ($msn, $part) = ($last // '') =~ /(\d+)\.(\d+)\.m4s/;

    $self->asked(\@odd, '/live/studio1/index.m3u8');
    $self->asked(\@odd, '/live/studio1/audio.m3u8',
                 'Accept-Encoding' => 'gzip');
    $self->asked(\@odd, '/live/studio1/audio-std.m3u8');
    $self->asked(\@odd, "/live/studio1/$_")
        for grep { $_ } $init, $segment, $last, $hint;
    $self->asked(\@odd, "/live/studio1/audio.m3u8?_HLS_msn=$msn&_HLS_part="
                        . ($part + 1) . '&_HLS_skip=YES') if defined $msn;
    $self->asked(\@odd, '/live/nobody/audio.m3u8');

    for my $method (qw(HEAD OPTIONS)) {
        my $c = $self->{node}->http();
        $c->request($method, '/live/studio1/audio.m3u8');
        push(@odd, "no answer for $method") if !$c->response(5);
    }

    return grep { $_ ne '404 for audio.m3u8 of nobody' } @odd;
}


# A request; what is not 200 is odd.

sub asked($self, $odd, $path, %headers) {
    my $r = eval {
        local $Stentor::HTTP::TIMEOUT = 5;
        $self->{node}->get($path, %headers);
    };
    my $status = $r ? $r->{status} : 'no answer';
    my ($of) = $path =~ m{/(nobody|far|near)};

    push(@$odd, "$status for " . $path =~ s/\?.*/?../r =~ s{.*/}{}r
                =~ s/\d{4,}[\d.]*/N./gr . ($of ? " of $of" : ''))
        if $status ne '200';

    return $r && $r->{status} == 200 ? $r->{body} : undef;
}


# More than there is room for: the second is told to have less, the third not
# to come.

sub join_it($self) {
    my $crowd = $self->{crowds}++;
    my @said;

    for my $n (1 .. 3) {
        my $r = eval {
            local $Stentor::HTTP::TIMEOUT = 4;
            my $c = $self->{node}->http();
            push(@said, $c);
            $c->request('GET', '/tight/one/audio.m3u8',
                        'User-Agent' => "player $n of $crowd");
            $c->response();
        };
        $said[-1] = [ $said[-1], $r ? $r->{status} : 'no answer' ];
    }

    my @status = map { $_->[1] } @said;
    return grep { !/^(?:200|503)$/ } @status;
}


sub steering($self) {
    my @odd;

    $self->asked(\@odd, "/live/studio1/$_")
        for qw(index.m3u8 index-std.m3u8 steering.json steering-std.json);
    my $text = $self->asked(\@odd, '/live/studio1/steering.json'
                                   . '?_HLS_pathway=far') // '{}';
    push(@odd, 'what it says is no JSON')
        if !eval { JSON::PP::decode_json($text); 1 };

    return @odd;
}


sub status($self) {
    my @odd;

    for (qw(/status /metrics /control/streams)) {
        my $text = $self->asked(\@odd, $_) // '{}';
        push(@odd, "$_ says no JSON")
            if $_ ne '/metrics' && !eval { JSON::PP::decode_json($text); 1 };
    }

    return @odd;
}


# A stream that is not there yet.

sub rtmp($self) {
    return $self->published(0.8, name => 'new' . $self->{news}++ % NEWS);
}


sub ladder($self) {
    return $self->published(1.5, name => 'studio3', app => 'lad');
}


sub key($self) {
    my $key = $self->{static}{value};
    my @odd = $self->published(0.3, app => 'keyed',
                               name => "studio6?key=$key");

    # who has none must not come in, whatever fails
    push(@odd, 'LOST: somebody without a key is let in')
        if !$self->published(0.3, app => 'keyed', name => 'studio6?key=no',
                             from => an_address());
    push(@odd, 'LOST: somebody whom the webhook refuses is let in')
        if !$self->published(0.3, app => 'shut', name => 'studio6?a=b&c');

    return @odd;
}


sub published($self, $seconds, %o) {
    my $b = eval {
        Stentor::Broadcaster->start(port => $self->{port}{rtmp}, %o);
    } // return 'the broadcaster is not let in';

    sleep($seconds);
    my $name = ($o{app} // 'live') . '/' . $o{name} =~ s/\?.*//r;
    my $st = eval { $self->{node}->stream($name) };

    # who is sent away hears of it a moment later
    my $gone = $st && $st->{state} eq 'live' ? $b->gone()
               : $self->{node}->wait_until(sub { $b->gone() }, 4);
    $b->stop();

    return $gone ? 'the broadcaster is sent away' : ();
}


sub srt($self) {
    my $caller = Stentor::SrtCaller->connect(
        port => $self->{port}{srt},
        streamid => '#!::r=live/studio4,m=publish');

    return 'the caller is not let in' if $caller->{code} // 1;

    my $at = 0;
    my $hung = $caller->run(sub {
        my $payload = substr($self->{ts}, $at, 1316);
        $at += 1316;
        return length($payload) ? $payload : undef;
    }, 0.02, 1);
    $caller->shutdown();

    return $hung ? 'the caller is hung up on' : ();
}


# Encrypted, by real ffmpeg.

sub passphrase($self) {
    my $e = Stentor::Encoder->start(file => $self->{aac}, format => 'mpegts',
        url => "srt://127.0.0.1:$self->{port}{srt}",
        options => [ '-srt_streamid', '#!::r=keyed/own,m=publish',
                     '-passphrase', $self->{own}{value} ]);

    my $live = $self->{node}->wait_until(sub {
        my $st = eval { $self->{node}->stream('keyed/own') };
        return $e->gone() || $st && $st->{state} eq 'live';
    }, 4);
    my $gone = $e->gone();
    $e->stop();

    return $gone || !$live ? 'the caller is not let in' : ();
}


sub has_srt($self) {
    return $self->{node}->wait_until(sub { !$self->srt() }, 10);
}


sub control($self) {
    my @odd;

    my $r = eval { $self->{node}->control('open', 'nobody/door') };
    push(@odd, 'no answer for what cannot be') if !$r;

    for my $verb (qw(open close)) {
        my $r = eval { $self->{node}->control($verb, 'live/door') };
        push(@odd, ($r ? $r->{status} : 'no answer') . " for $verb")
            if !$r || $r->{status} >= 300;
        sleep(0.5) if $verb eq 'open';
    }

    return @odd;
}


# From its beginning to its end, and as it is served then.

sub replay($self) {
    my @odd = $self->published(0.8, name => 'studio5');

    my $done = $self->{node}->wait_until(sub {
        my $text = Stentor::Node::slurp(
            "$self->{dir}/replay/live/studio5/latest/audio.m3u8") // '';
        return $text =~ /ENDLIST/;
    }, 4);

    push(@odd, 'there is no replay') if !$done;
    $self->asked(\@odd, '/replay/live/studio5/latest/index.m3u8') if $done;
    File::Path::remove_tree("$self->{dir}/replay/live/studio5");

    return @odd;
}


# It gets a stream from another node.

sub pull($self) {
    my $n = $self->{pulled}++ % FAR;
    my @odd;

    $self->asked(\@odd, "/away/far$n/audio.m3u8");
    push(@odd, 'what it gets stands still') if !$self->goes_on("/away/far$n");

    return @odd;
}


# Another node gets a stream from it.

sub serve($self) {
    my $n = $self->{served}++ % NEAR;
    return goes_on_at($self->{edge}, "/live/near$n")
           ? () : 'the edge gets nothing';
}


# A stream that another node makes, whose broadcaster comes here as well.

sub stand_by($self) { return $self->published(1, name => 'both') }


# Redis closes all connections.

sub reconnect($self) {
    $self->{redis}->ask('CLIENT', 'KILL', 'TYPE', $_) for qw(normal pubsub);
    return $self->has_redis(2) ? () : 'Redis stays away';
}


sub has_redis($self, $seconds) {
    my $since;

    return $self->{node}->wait_until(sub {
        my $s = eval { $self->{node}->status() } // return 0;
        my $up = $s->{cluster}{redis}{state} eq 'up';

        $since = $up ? $since // time() : undef;
        return $up && time() - $since > 0.3;
    }, $seconds);
}


sub reload($self) {
    local $Stentor::Node::PATIENCE = 4;
    my $ok = eval { $self->{node}->reload(); 1 };
    return $ok ? () : 'the reload is not done';
}


# --- whether it is well

# What is not as it was.

sub aftermath($self, $work) {
    my @wrong = $self->crashes();

    push(@wrong, 'the broadcaster does not come back')
        if !$self->on_the_air();
    push(@wrong, "$_ does not go on")
        for grep { !$self->goes_on("/live/$_") } qw(studio1 always);
    push(@wrong, 'no other broadcaster is heard') if !$self->lets_in('studio2');

    push(@wrong, 'it gets nothing from other nodes')
        if $work eq 'pull' && $self->pull() && $self->pull();
    push(@wrong, 'nobody can call by SRT')
        if $work =~ /srt|passphrase|reload/ && !$self->has_srt();
    push(@wrong, 'other nodes get nothing from it')
        if $work eq 'serve' && $self->serve() && $self->serve();
    push(@wrong, 'Redis does not come back') if !$self->has_redis(8);
    push(@wrong, 'the replay does not go on') if !$self->writes();

    return (@wrong, $self->leaks());
}


sub lets_in($self, $name) {
    my $b = eval { $self->publish($name) } // return 0;
    $b->stop();
    return 1;
}


# He may be sent away only now: a worker that quits waits for others.

sub goes_on($self, $path) {
    return goes_on_at($self->{node}, $path, sub { $self->on_the_air() });
}


sub goes_on_at($node, $path, $meanwhile = sub { }) {
    my ($first, $deadline) = ('', time() + 15);

    while (time() < $deadline) {
        my $r = eval {
            local $Stentor::HTTP::TIMEOUT = 2;
            $node->get("$path/audio.m3u8");
        };
        my $text = $r && $r->{status} == 200 ? $r->{body} : '';
        my ($hint) = $text =~ /PRELOAD-HINT.*URI="([^"]+)"/;

        return 1 if $first && $hint && $hint ne $first;
        $first ||= $hint // '';
        $meanwhile->();
        sleep(0.1);
    }

    return 0;
}


sub writes($self) {
    return $self->{node}->wait_until(sub {
        $self->on_the_air();
        my $st = eval { $self->{node}->stream('live/studio1') };
        return $st && $st->{replay} eq 'writing';
    }, 12);
}


# What the log has of crashes and alerts, once each.

sub crashes($self) {
    return grep { !$self->{seen}{$_}++ }
           map { s/^\S+ \S+ //r }
           grep { /exited on signal|exited with fatal|\[alert\]/ }
           split(/\n/, $self->{node}->log());
}


# Descriptors and threads that it has not given back, when there have been
# fewer at its first look.

sub leaks($self) {
    my $most = $self->{most};
    my $now;

    my $back = $self->{node}->wait_until(sub {
        $now = $self->counts();
        return !$most || !grep { $now->{$_} > $most->{$_} + SLACK } keys %$now;
    }, 8);

    return $back ? () : map { "$now->{$_} $_ instead of $most->{$_}" }
                        grep { $now->{$_} > $most->{$_} + SLACK }
                        sort keys %$now;
}


# How many it has: to be told to leaks(), when all has been done and is over.

sub counts($self) {
    my @pids = $self->{node}->worker_pids();

    return {
        descriptors => scalar(map { glob("/proc/$_/fd/*") } @pids),
        threads => scalar(map { glob("/proc/$_/task/*") } @pids),
    };
}


sub settle($self) {
    my $least;

    for (1 .. 20) {
        my $now = $self->counts();
        $least //= $now;
        $least = { map { $_ => Stentor::Node::min($least->{$_}, $now->{$_}) }
                   keys %$now };
        sleep(0.2);
    }

    $self->{most} = $least;
}


# --- what it has said of it

# Where its log and its counters are.

sub mark($self) {
    my $metrics = eval { $self->{node}->get('/metrics')->{body} } // '';

    return { log => length($self->{node}->log()),
             metrics => { $metrics =~ /^(\w+_total(?:\{[^}]*\})?) (\d+)$/mg } };
}


# Since then: the kinds of lines of the log from warn on, and what was counted
# of failures.

sub said($self, $mark) {
    my (%line, %counted);

    for (split(/\n/, substr($self->{node}->log(), $mark->{log}))) {
        my ($level, $text) =
            /\[(warn|error|crit|alert|emerg)\] \d+#\d+: (?:\*\d+ )?(.*)/
            or next;
        $text =~ s/,? (?:client|while|stream|context|upstream): .*//;
        $text =~ s/\(\d+: [^)]*\)//;
        $text =~ s/ in \/\S+$//;
        $text =~ s/\Q$self->{dir}\E\S*/.../g;
        $text =~ s/"[^"]*"/"..."/g;
        $text =~ s/\b\d[\d.:]*(?:T\d+Z)?\b/N/g;
        $line{"$level: " . $text =~ s/^stentor: //r =~ s/\s+$//r}++;
    }

    my $now = $self->mark()->{metrics};

    for (keys %$now) {
        my $n = $now->{$_} - ($mark->{metrics}{$_} // 0);
        $counted{ s/^stentor_//r =~ s/_total//r } = $n
            if $n > 0 && /refused|fail|lost|dropped|timeout|switch|trouble/;
    }

    return ([ sort keys %line ], [ sort keys %counted ]);
}


1;
