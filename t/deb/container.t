#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# packaging/Containerfile, done by hand: each stage is a chroot of the Debian
# that it names, its instructions are followed in their order, and what it
# starts runs in it as the user that it names, with a network of its own.
# Nothing is root's; with a key file somebody publishes and is heard; the health
# check says what is so; the signal to stop with ends it in time while he is on
# the air.  What only a runtime of containers does is not tried.
#
# It needs what install.t needs, and npm's registry (STENTOR_DEB).

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Stentor::Chroot;
use Stentor::Encoder;
use Stentor::Kit;

use JSON::PP ();
use Time::HiRes qw(time);

plan(skip_all => 'STENTOR_DEB names no release of Debian')
    if !$ENV{STENTOR_DEB};
plan(skip_all => 'needs root') if $>;

need(qw(debootstrap unshare ffmpeg ip));

require 'syscall.ph';

use constant CLONE_NEWNET => 0x40000000;

# where those lie in a stage whom npm is to trust as it does here
use constant AUTHORITIES => '/authorities.pem';

# after it a runtime kills what it has told to stop
use constant STOPS => 10;

my %SUITE = (12 => 'bookworm', 13 => 'trixie');
my $TOP = $Stentor::Node::TOP;
my $aac = Stentor::Encoder::long_tone();


# The instructions, as [name, rest], continued lines joined.

sub instructions() {
    my $text = Stentor::Node::slurp("$TOP/packaging/Containerfile")
               =~ s/^#.*\n//mgr =~ s/\\\n\s*//gr;
    return map { [ split(' ', $_, 2) ] } grep { /\S/ } split(/\n/, $text);
}


# What the context is: the tree, less what it says that is none of it.

sub context($c) {
    my @less = map { "--exclude=./$_" } grep { /^[^#]/ } split(/\n/,
        Stentor::Node::slurp("$TOP/packaging/Containerfile.dockerignore"));
    my $to = $c->dir() . '/context';

    mkdir($to);
    system("tar -C $TOP -c @less . | tar -x -C $to") == 0 or die "tar: $?\n";

    return $to;
}


my (%stage, %arg, %image);


my %DO = (
    ARG => sub ($rest) {
        my ($name, $value) = split(/=/, $rest, 2);
        $arg{$name} = $value;
    },
    FROM => sub ($rest) {
        my ($version, $name) = $rest =~ /debian:(\S+)-slim(?: AS (\w+))?$/
            or die "FROM $rest\n";
        $version =~ s/\$\{(\w+)\}/$arg{$1}/;

        # what a stage that is thrown away installs is there: it takes minutes
        my $c = Stentor::Chroot->new($SUITE{$version},
            $name ? Stentor::Chroot::build_packages() : ());

        %image = (c => $c, dir => '/');
        $stage{$name} = $c if $name;
        $c->install() if !$name;                # for its resolv.conf
        system('cp', $ENV{NODE_EXTRA_CA_CERTS}, $c->dir() . AUTHORITIES)
            if $ENV{NODE_EXTRA_CA_CERTS};
    },
    WORKDIR => sub ($rest) { $image{dir} = $rest },
    COPY => sub ($rest) {
        my ($from) = $rest =~ s/^--from=(\w+) // ? $1 : ();
        my ($what, $to) = split(' ', $rest);
        my $dir = $image{c}->dir();
        my $source = $from ? $stage{$from}->dir()
                           : ($image{context} //= context($image{c}));

        # where it goes is made; a directory's content is what is copied
        my $path = $to =~ m{/$} ? $to : $what eq '.' ? "$to/"
                   : $to =~ s{[^/]*$}{}r;
        $what = './.' if $what eq '.';
        system("mkdir -p $dir$path && cp -a $source/$what $dir$to") == 0
            or die "COPY $rest: $?\n";
    },
    RUN => sub ($rest) {
        local $ENV{NODE_EXTRA_CA_CERTS} = AUTHORITIES
            if $ENV{NODE_EXTRA_CA_CERTS};
        note($image{c}->must("cd $image{dir} && { $rest; }"));
    },
    map { my $name = $_; $name => sub ($rest) { $image{$name} = $rest } }
    qw(USER EXPOSE STOPSIGNAL HEALTHCHECK CMD),
);

for my $i (instructions()) {
    my ($name, $rest) = @$i;
    my $do = $DO{$name} or die "$name: not known here\n";
    ok(eval { $do->($rest); 1 }, substr("$name $rest", 0, 60))
        or die "$@\n";
}


# A command in the JSON form, for a shell, as its user.

sub command($text) {
    my ($json) = $text =~ /(\[.*\])$/ or die "no JSON: $text\n";
    my @words = map { "'" . s/'/'\\''/gr . "'" }
                @{ JSON::PP::decode_json($json) };

    return "setpriv --reuid=$image{USER} --regid=$image{USER} --init-groups"
           . " @words";
}


my $c = $image{c};
my $dir = $c->dir();

system('rm', '-rf', "$dir/context");
syscall(SYS_unshare(), CLONE_NEWNET) == 0 or die "unshare: $!\n";
system('ip link set lo up') == 0 or die "ip: $?\n";

my $node = bless {
    nginx => 'nginx', dir => "$dir/tmp", workers => 1, rtmp => 1935,
    http_port => 8080, srt_ports => [], killed => {},
}, 'Stentor::Node';

sub healthy() {
    my ($rc) = $c->run(command($image{HEALTHCHECK}));
    return $rc == 0;
}


# --- without keys nobody is let in, and nothing starts

my ($rc, $said) = $c->run("timeout 10 " . command($image{CMD}));
isnt($rc, 124, 'without a key file it does not start');
like($said, qr{/etc/stentor/keys}, 'and says why');
ok(!healthy(), 'unhealthy');

# --- with them

$said = $c->must('stentor-stream-key static live/studio1');
my ($line) = $said =~ /^(  key .*)$/m;
my ($key) = $said =~ /studio1\?key=(\w+)$/m;

Stentor::Node::spew("$dir/etc/stentor/keys", "$line\n");
$c->must("chown $image{USER} /etc/stentor/keys"
         . ' && chmod 600 /etc/stentor/keys');
$c->start(command($image{CMD}));
ok($node->wait_until(sub { eval { $node->status() } }), 'it starts')
    or diag($c->said());

my @nginx = grep { $_->{title} =~ /^nginx/ } $c->processes();
cmp_ok(scalar(@nginx), '>', 1, 'master and workers');
is(join(', ', map { $_->{title} } grep { $_->{uid} == 0 } @nginx), '',
   'none of them is root');
ok(healthy(), 'healthy');

my @open = sort map { /:(\d+)\s/ ? $1 : () }
           grep { /^LISTEN/ } split(/\n/, `ss -Hltn`);
my %open = map { $_ => 1 } @open;
is(join(' ', sort keys %open), join(' ', sort $image{EXPOSE} =~ /(\d+)/g),
   'it listens where it says');

my $b = Stentor::Encoder->start(file => $aac,
    url => $node->push_url("studio1?key=$key"));
ok($node->wait_stream('live/studio1', sub ($st) {
    return $st && $st->{state} eq 'live';
}, 20), 'with the key somebody publishes');

my $listener = Stentor::Listener->new(port => 8080, edge => 1);
ok($listener->run(sub ($l) { @{ $l->{parts} } >= 8 }, 30),
   'a listener hears it');
conforms('which conforms', @{ $listener->{violations} });
is($node->get('/dashboard')->{status}, 200, 'there is a dashboard');

# --- stopped while he is on the air

my ($master) = grep { $_->{title} =~ /^nginx: master/ } @nginx;
my $t0 = time();
kill($image{STOPSIGNAL} =~ s/^SIG//r, $master->{pid});
ok($node->wait_until(sub {
    return !grep { $_->{title} =~ /^nginx/ } $c->processes();
}, 60), 'it stops when told');
my $took = time() - $t0;
cmp_ok($took, '<', STOPS, sprintf('before it would be killed: %.1f s', $took));
unlike($c->said(), qr/\[(?:alert|emerg|crit)\]/, 'the log is clean');
unlike($c->said(), qr/\Q$key\E/, 'and has no key');
ok(!healthy(), 'unhealthy now');

$b->stop();
$_->remove() for $c, values %stage;
done_testing();
